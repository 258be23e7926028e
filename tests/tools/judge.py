# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every change that writers.c logged in a list that it has to be in?

    writers ... | judge.py cut OUT COMMAND...   COMMAND every 50 ms; its lists go to OUT/lists
    writers ... | judge.py ask OUT DIR          meanwhile, --since now and then; to OUT/asked
    judge.py judge OUT [MUTATIONS] [strict] [in LISTS]
                                                judge OUT/*.log by them; exit 1: not all is there
    judge.py asked OUT DIR                      the same by what was asked

    judge.py cases START <CASES                 is the judge right about these?

MUTATIONS lists are emptied, one at a time, to see whether that is noticed.  LISTS: where the
lists of another consumer are, made by cut as well.

Times.  s[k] and e[k] are the moments before and after the command that made list k;
its cut lies somewhere between.  List k is about what happened between the cuts k-1
and k.  A change is logged with the moments before (b) and after (e) the call that made
it; it may have become visible at any moment between.  So it may belong to any list k
with s[k-1] <= e and b <= e[k], and at least one of these has to account for it.  When
e < s[k] and b > e[k-1] that is list k and no other.  List 0 has no list before it and
is not judged.

Names.  The logs are played again, so that it is known which object a path meant, and
which paths an object or an entry (a name in a directory, which may itself be renamed)
had between s[k-1] and e[k].  A list mentions an entry when a record has one of these
paths, as "path" or as "from", or when one of them is or lies below a directory with
"rescan".  Something is absent at a cut when it may have been at some moment between s[k]
and e[k]: not there, or somewhere outside DIR.

List k accounts for
 data   when it has create, modify or rescan for a path of the object (rename alone does not
        say that content has changed),
        or the object is absent at cut k,
        or it moved on while list k was made: k has delete, or rename from, for a path of it or
        a directory above, and k+1 has create for it, or it is absent at cut k+1, or it moved on
        again, and so on;
 attr   the same with create, modify, attrib or rescan;
 make, gone, move, swap, redo (each name that is touched is an entry to account for; of a tree
        that came from outside, each entry in it)
        when it mentions the entry,
        or the entry is absent at cuts k-1 and k (it came and went),
        or the entry is absent at cut k and the list has delete, or rename from, for a
        directory that it was in (which took it along),
        or the directory that it was in is absent at cut k (which is accounted for by itself),
        or that moved on while list k was made, as above, and k+1 mentions the entry.
 hold   An object that is open or mapped for write during all of cut k, and has create,
        modify or attrib in list k, needs create or modify in list k+1, too (it is carried over).
        What was stored through a mapping is data of the moment in which it is unmapped.
        "strict": what is open or mapped for write at a moment of the period k, between e[k-1]
        and s[k], is data of that moment.

--since.  OUT/ids has the IDs of the lists in OUT/lists, a line each.  What was asked since the
ID of list k is judged as a list that comes after list k: by the changes that it may have, in
place of the lists until then.  What is asked when all writers are done must also have in it, in
some form, each name that is in a list after k.

A rename counts as create, too, when by the lists before its "from" is gone, or the directory
that it was in was deleted and something else made there: who did what they say has no such
object.

And no list may name a path that leaves DIR, is .hsm or below it, or never existed, or end with
an exit status that is not 0, unless it is "rescan ." and 1: such lists are counted, and whoever
runs the judge says how many there may be.
"""

import bisect
import functools
import itertools
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

STEP_S = 0.05
REST_S = 0.02  # at least: a change in it can be in one list only
ASK_S = 1.0
SHOWN = 20
BUSY = 20  # changes that a list alone has to have
UNLOGGED = ("w15/git/",)  # git's own files
CREATE, MODIFY, ATTRIB, DELETE, TO, FROM = (1 << bit for bit in range(6))
BITS = {"create": CREATE, "modify": MODIFY, "attrib": ATTRIB, "delete": DELETE, "rename": TO}
FOREVER = 1 << 62


# ------------------------------------------------------------------ cutting --

def run_once(index, path, command, *more):
    """Its output goes to `path`, its times, status and `more` to the index."""
    with open(path, "wb") as file:
        begin = time.monotonic_ns()
        status = subprocess.call(command, stdin=subprocess.DEVNULL, stdout=file)
        print(begin, time.monotonic_ns(), status, *more, file=index)


def cut(out, command):
    """Take checkpoints until our stdin ends, because the writers are done, and one more."""
    lists = out / "lists"
    lists.mkdir()
    with open(out / "cuts", "w", encoding="ascii") as index:
        due = time.monotonic()
        last = False
        for number in itertools.count():
            run_once(index, lists / str(number), command)
            if last:
                return 0
            due = max(due + STEP_S, time.monotonic() + REST_S)
            last = bool(select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0])


def ask(out, directory):
    """Ask for what changed since a list, until our stdin ends; then for some more."""
    asked = out / "asked"
    asked.mkdir()
    counter = itertools.count()
    with open(asked / "cuts", "w", encoding="ascii") as index:
        def since(number, *more):
            run_once(index, asked / str(next(counter)),
                     ["hsm-checkpoint", "--json", "--since", ids[number], directory], number, *more)

        last = False
        while not last:
            last = bool(select.select([sys.stdin], [], [], ASK_S)[0])
            ids = (out / "ids").read_text("ascii").split("\n")[:-1]
            if ids and not last:
                since(random.randrange(len(ids)))
        for number in (0, len(ids) // 4, len(ids) // 2, len(ids) - 2, len(ids) - 1):
            since(number, "last")
    return 0


# -------------------------------------------------------------------- names --

@dataclass
class Span:
    """Surely from `sure_from` to `sure_to`, perhaps from `from_` to `to`."""

    from_: int
    sure_from: int
    sure_to: int = FOREVER
    to: int = FOREVER

    def end(self, change):
        self.sure_to, self.to = change.begin, change.end

    def covers(self, begin, end):
        return self.sure_from < begin and end < self.sure_to

    def touches(self, begin, end):
        return self.from_ <= end and begin <= self.to


def covered(spans, begin, end):
    """By one of the spans, which are in their order?"""
    at = bisect.bisect_left(spans, begin, key=lambda span: span.sure_from)
    return at > 0 and spans[at - 1].covers(begin, end)


@dataclass
class Change:
    begin: int
    end: int
    what: str
    how: str
    line: str
    entry: object = None
    thing: object = None


@dataclass(eq=False)
class Thing:
    """A file or directory; where it was and when."""

    alive: list = field(default_factory=list)
    places: list = field(default_factory=list)  # (Span, Entry)
    children: dict = field(default_factory=dict)  # every name that was ever in it
    now: dict = field(default_factory=dict)  # name: Thing
    moved: bool = False

    def paths(self, begin, end):
        found = set()
        for span, entry in self.places:
            if span.touches(begin, end):
                found |= entry.paths(begin, end)
        return found

    def inside(self, begin, end):
        """Was it surely in DIR all the time?"""
        return (covered(self.alive, begin, end) and
                all(entry.parent.inside(begin, end) for span, entry in self.places
                    if span.touches(begin, end)))


class Root(Thing):
    """DIR itself, or what is outside."""

    def __init__(self, prefix):
        super().__init__()
        self.prefix = prefix

    def paths(self, begin, end):
        return {""} if self.prefix == "" else set()

    def inside(self, begin, end):
        return self.prefix == ""


@dataclass(eq=False)
class Entry:
    """A name in a directory, whatever it means at a moment."""

    parent: Thing
    name: str
    alive: list = field(default_factory=list)

    def paths(self, begin, end):
        return {path + "/" + self.name if path else self.name
                for path in self.parent.paths(begin, end)}

    def inside(self, begin, end):
        return (covered(self.alive, begin, end) and
                self.parent.inside(begin, end))


class World:
    """What the logs tell, played again."""

    def __init__(self):
        self.root = Root("")
        self.outside = Root("..")
        self.changes = []
        self.holds = []
        self.ever = set()

    def find(self, path):
        thing = self.root
        for part in path.split("/"):
            if part == "..":
                thing = self.outside
            elif thing is self.outside and part == "outside":
                pass
            else:
                thing = thing.now[part]
        return thing

    def entry(self, path):
        parent, _, name = path.rpartition("/")
        parent = self.find(parent) if parent else self.root
        if name not in parent.children:
            parent.children[name] = Entry(parent, name)
        self.ever.add(path)
        return parent.children[name]

    def put(self, entry, thing, change):
        if not entry.alive or entry.alive[-1].to != FOREVER:
            entry.alive.append(Span(change.begin, change.end))
        entry.parent.now[entry.name] = thing
        thing.places.append((Span(change.begin, change.end), entry))

    def take(self, entry, change, stays=False):
        """The thing that leaves `entry`, which is empty then unless something `stays`."""
        thing = entry.parent.now.pop(entry.name)
        if not stays:
            entry.alive[-1].end(change)
        for span, place in thing.places:
            if place is entry and span.to == FOREVER:
                span.end(change)
        return thing

    def need(self, change, entry, thing=None):
        self.changes.append(Change(change.begin, change.end, change.what, change.how,
                                   change.line, entry, thing))

    def arrive(self, thing, change, path):
        """All that is in a tree that came from outside."""
        for name, child in thing.now.items():
            self.ever.add(path + "/" + name)
            if change is not None:
                self.need(change, thing.children[name])
            self.arrive(child, change, path + "/" + name)

    def die(self, thing, change):
        if not any(span.to == FOREVER for span, _ in thing.places):
            thing.alive[-1].end(change)

    def make(self, change, path):
        entry = self.entry(path)
        thing = Thing(alive=[Span(change.begin, change.end)])
        self.put(entry, thing, change)
        self.need(change, entry)

    def gone(self, change, path):
        entry = self.entry(path)
        self.die(self.take(entry, change), change)
        self.need(change, entry)

    def redo(self, change, path):
        entry = self.entry(path)
        self.die(self.take(entry, change), change)
        self.put(entry, Thing(alive=[Span(change.begin, change.end)]), change)
        self.need(change, entry)

    def move(self, change, path, to):
        source, target = self.entry(path), self.entry(to)
        if target.name in target.parent.now:
            self.die(self.take(target, change, stays=True), change)
        thing = self.take(source, change)
        self.put(target, thing, change)
        self.need(change, source)
        self.need(change, target)
        came = path.startswith("../") and not to.startswith("../")
        self.arrive(thing, change if came else None, to)

    def swap(self, change, path, to):
        one, other = self.entry(path), self.entry(to)
        first = self.take(one, change, stays=True)
        second = self.take(other, change, stays=True)
        self.put(one, second, change)
        self.put(other, first, change)
        self.need(change, one)
        self.need(change, other)
        self.arrive(first, None, to)
        self.arrive(second, None, path)

    def data(self, change, path):
        self.need(change, self.entry(path), self.find(path))

    attr = data

    def hold(self, change, path):
        self.holds.append((change, self.find(path)))

    def read(self, path):
        for line in path.read_text(encoding="utf-8").splitlines():
            begin, end, what, how, *names = line.split("\t")
            change = Change(int(begin), int(end), what, how, f"{path.name}: {line}")
            getattr(self, what)(change, *names)


# ------------------------------------------------------------------ judging --

@functools.cache
def records_of(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@dataclass
class Taken:
    """A list, and when it was taken."""

    path: Path
    begin: int
    end: int
    status: int
    more: list  # what else the index says


def read_index(index, where):
    return [Taken(where / str(number), *map(int, line.split()[:3]), line.split()[3:])
            for number, line in enumerate(index.read_text("ascii").splitlines())]


class Lists:
    """The lists, and what they say of a path."""

    def __init__(self, taken):
        self.begin = [one.begin for one in taken]
        self.end = [one.end for one in taken]
        self.status = [one.status for one in taken]
        self.records = 0
        self.gone = set()  # for who has done what the lists so far say
        self.emptied = set()  # directories that something else took the name of
        self.said = [defaultdict(int) for _ in taken]
        self.rescans = [set() for _ in taken]
        self.paths = [set() for _ in taken]
        for number, one in enumerate(taken):
            self.read(number, one.path)
        self.count = len(taken)

    def read(self, number, path):
        for record in records_of(path):
            name, bit = record["path"], BITS.get(record["op"])
            self.records += 1
            if bit is None:
                if record["op"] != "rescan":
                    raise SystemExit(f"judge: list {number}: what is this: {record}")
                self.rescans[number].add(name)
            else:
                self.said[number][name] |= bit
                if bit == TO:
                    if not (self.gone.isdisjoint(aboves(record["from"], True)) and
                            self.emptied.isdisjoint(aboves(record["from"]))):
                        self.said[number][name] |= CREATE
                    self.said[number][record["from"]] |= FROM
                    self.paths[number].add(record["from"])
            self.paths[number].add(name)
        for name, bits in self.said[number].items():
            stays = bits & ~(DELETE | FROM)
            (self.gone.discard if stays else self.gone.add)(name)
            (self.emptied.add if stays and bits & DELETE else self.emptied.discard)(name)

    def possible(self, change):
        """The lists that may have the change."""
        first = bisect.bisect_left(self.end, change.begin)
        last = bisect.bisect_right(self.begin, change.end)
        return range(first, min(last, self.count - 1) + 1)

    def window(self, number):
        return self.begin[number - 1], self.end[number]

    def at(self, number):
        return self.begin[number], self.end[number]

    def says(self, number, paths, bits):
        said = self.said[number]
        return any(said.get(path, 0) & bits for path in paths) or (
            bool(self.rescans[number]) and any(self.rescanned(number, path) for path in paths))

    def rescanned(self, number, path):
        there = self.rescans[number]
        return "." in there or any(above in there for above in aboves(path, True))


def aboves(path, itself=False):
    """The directories that a path is in."""
    if itself:
        yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


MENTION = CREATE | MODIFY | ATTRIB | DELETE | TO | FROM
WANTED = {"data": CREATE | MODIFY, "attr": CREATE | MODIFY | ATTRIB}


class Judge:
    def __init__(self, out, where=None):
        self.world = World()
        logs = sorted(out.glob("w*.log"))
        for path in [out / "first.log", *logs]:
            self.world.read(path)
        where = where or out
        self.taken = read_index(where / "cuts", where / "lists")
        self.lists = Lists(self.taken)

    def absent(self, what, number):
        return not what.inside(*self.lists.at(number))

    def accounts(self, number, change):
        """Does list `number` account for the change?"""
        if number == 0:
            return True
        begin, end = self.lists.window(number)
        if change.thing is not None:
            paths = change.thing.paths(min(change.begin, begin), end)
            return (self.lists.says(number, paths, WANTED[change.what]) or
                    self.absent(change.thing, number) or
                    self.went(number, paths) and self.settled(number + 1, change.thing, CREATE))
        paths = change.entry.paths(begin, end)
        if self.lists.says(number, paths, MENTION):
            return True
        if not self.absent(change.entry, number):
            return self.went(number, paths) and self.settled(number + 1, change.entry, MENTION)
        return (self.absent(change.entry, number - 1) or self.went(number, paths) or
                self.absent(change.entry.parent, number))

    def went(self, number, paths):
        """Does the list say that these, or a directory above, are gone?"""
        return self.lists.says(number, paths, DELETE | FROM) or self.lists.says(
            number, {above for path in paths for above in aboves(path)}, DELETE | FROM)

    def settled(self, number, what, bits):
        """Does a list tell of it at a path that it has by then, or is it no more, before a
        list does not know that it moved on?"""
        for number in range(number, self.lists.count):
            paths = what.paths(*self.lists.window(number))
            if self.absent(what, number) or self.lists.says(number, paths, bits):
                return True
            if not self.went(number, paths):
                return False
        return False

    def lost(self, change):
        possible = self.lists.possible(change)
        return not any(self.accounts(number, change) for number in possible)

    def dropped(self):
        """(list, hold) where what is open for write was not carried over."""
        lists = self.lists
        for change, thing in self.world.holds:
            first = bisect.bisect_right(lists.begin, change.begin)
            for number in range(max(1, first), lists.count - 1):
                if lists.end[number] >= change.end:
                    break
                paths = thing.paths(*lists.window(number))
                if ("." not in lists.rescans[number] and
                        lists.says(number, paths, CREATE | MODIFY | ATTRIB) and
                        not lists.says(number + 1, paths, CREATE | MODIFY)):
                    yield number, change

    def unreported(self):
        """(list, hold) where what could be written in a period is not in its list."""
        lists = self.lists
        for hold, thing in self.world.holds:
            first = bisect.bisect_right(lists.begin, hold.begin)
            for number in range(max(1, first), lists.count):
                begin = max(hold.begin, lists.end[number - 1])
                end = min(hold.end, lists.begin[number])
                if begin >= end:
                    break
                change = Change(begin, end, "data", hold.how, hold.line, None, thing)
                if not self.accounts(number, change):
                    yield number, hold

    def wrong(self):
        """Names that no list may have."""
        for number, paths in enumerate(self.lists.paths):
            if self.lists.status[number] != int("." in self.lists.rescans[number]):
                yield number, f"exit status {self.lists.status[number]}"
            for path in paths - self.world.ever - {"."}:
                if not path.startswith(UNLOGGED):
                    yield number, path
            for path in paths:
                parts = path.split("/")
                if path.startswith("/") or ".." in parts or parts[0] == ".hsm":
                    yield number, path

    def mutate(self, count):
        """How many of `count` lists are missed when they are empty?  (Of those during which
        the writers were busy, at the end only a few go on; and with things that are still
        there, of the others no list has to tell.)"""
        lists = self.lists
        mine = defaultdict(list)
        for change in self.world.changes:
            possible = lists.possible(change)
            if (len(possible) == 1 and possible[0] and
                    not self.absent(change.thing or change.entry, possible[0])):
                mine[possible[0]].append(change)
        busy = [number for number, changes in mine.items() if len(changes) >= BUSY]
        chosen = random.sample(busy, min(count, len(busy)))
        noticed = 0
        for number in chosen:
            kept = lists.said[number], lists.rescans[number]
            lists.said[number], lists.rescans[number] = {}, set()
            noticed += any(self.lost(change) for change in mine[number])
            lists.said[number], lists.rescans[number] = kept
        return noticed, len(chosen)


def judge(out, mutations, strict, where):
    it = Judge(out, where)
    lists = it.lists
    changes = it.world.changes
    single = sum(1 for change in changes if len(lists.possible(change)) == 1)
    lost = [change for change in changes if it.lost(change)]
    dropped = list(it.dropped())
    wrong = list(it.wrong())
    unreported = list(it.unreported()) if strict else []
    hows = Counter(change.how for change in changes + [hold for hold, _ in it.world.holds])
    spans = sorted(end - begin for begin, end in zip(lists.begin, lists.end))
    for change in lost[:SHOWN]:
        print(f"lost: {list(lists.possible(change))} {change.line} ({change.entry.name})")
    for number, hold in dropped[:SHOWN]:
        print(f"not carried from list {number}: {hold.line}")
    for number, path in wrong[:SHOWN]:
        print(f"in list {number}: {path!r} is nothing of ours")
    for number, hold in unreported[:SHOWN]:
        print(f"open, and not in list {number}: {hold.line}")
    print("lost by kind:", *[f"{how} {n}" for how, n in
                             Counter(change.how for change in lost).most_common()])
    print("kinds:", *[f"{how} {n}" for how, n in sorted(hows.items())])
    print(f"lists {lists.count} in {(lists.end[-1] - lists.begin[0]) / 1e9:.1f} s, "
          f"command {spans[len(spans) // 2] / 1e6:.1f} ms in the median, "
          f"{spans[-1] / 1e6:.1f} at most; {lists.records} records")
    print("rescans", sum("." in there for there in lists.rescans[1:]))
    if mutations:
        noticed, tried = it.mutate(mutations)
        print(f"mutations {tried} noticed {noticed}")
    print(f"changes {len(changes)} of one list {single} lost {len(lost)} "
          f"holds {len(it.world.holds)} dropped {len(dropped)} wrong {len(wrong)} "
          f"unreported {len(unreported)}")
    return 1 if lost or dropped or wrong or unreported else 0


def missing(lists, after, directory):
    """Names in the lists after number `after` that are not in the one behind it, which knows
    what there is in the directory now."""
    at = after + 1
    said = lists.said[at]
    for number in range(at + 1, lists.count):
        for name in lists.paths[number] - {"."}:
            there = os.path.lexists(os.path.join(directory, name))
            paths = [name] if there else aboves(name, True)
            bits = ~(DELETE | FROM) if there else DELETE | FROM
            if not lists.rescanned(at, name) and not any(said.get(path, 0) & bits for path in paths):
                yield number, name


def asked(out, directory):
    """Judge what `ask` got; each is also emptied, to see whether that is noticed."""
    it = Judge(out)
    sums = Counter()
    for answer in read_index(out / "asked" / "cuts", out / "asked"):
        since = int(answer.more[0])
        at = since + 1
        before, after = it.taken[:at] + [answer], it.taken[at:]
        it.lists = lists = Lists(before + [one for one in after if one.begin > answer.end])
        mine = [change for change in it.world.changes if at in lists.possible(change)]
        alone = [change for change in mine if len(lists.possible(change)) == 1]
        lost = [change for change in mine if it.lost(change)]
        wrong = [path for number, path in it.wrong() if number == at]
        names = missing(Lists(before + after), since, directory) if "last" in answer.more else []
        names = list(names)
        for change in lost[:SHOWN]:
            print(f"lost since {since}: {change.line} ({change.entry.name})")
        for path in wrong[:SHOWN]:
            print(f"since {since}: {path!r} is nothing of ours")
        for number, name in names[:SHOWN]:
            print(f"since {since}: {name!r} of list {number} is not there")
        print(f"since {since} of {len(it.taken)}: changes {len(mine)}, {len(alone)} of it alone")
        sums.update(asked=1, alone=len(alone), rescans="." in lists.rescans[at],
                    bad=len(lost) + len(wrong) + len(names))
        if len(alone) >= BUSY:
            lists.said[at], lists.rescans[at] = {}, set()
            sums.update(emptied=1, noticed=any(it.lost(change) for change in alone))
    print(*[f"{key} {sums[key]}" for key in ("asked", "alone", "rescans", "emptied", "noticed", "bad")])
    return 1 if sums["bad"] else 0


def try_case(text):
    """Judge a case: its verdict, the log, and then the lists 1, 2 and 3, each after "--".
    The cuts 0 to 3 are at 1000, 2000, 3000 and 4000, and take 100."""
    wanted, _, rest = text.partition("\n")
    log, *lists = rest.split("--\n")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        (out / "lists").mkdir()
        (out / "cuts").write_text("1000 1100 1\n2000 2100 0\n3000 3100 0\n4000 4100 0\n")
        for number in range(4):
            kept = lists[number - 1] if 0 < number <= len(lists) else ""
            kept = kept if number else '{"op":"rescan","path":"."}'
            (out / "lists" / str(number)).write_text(kept)
        lines = [line.split() for line in log.splitlines()]
        (out / "first.log").write_text("".join("\t".join(line) + "\n" for line in lines))
        it = Judge(out)
    lost = sum(1 for change in it.world.changes if it.lost(change))
    got = f"lost {lost} dropped {len(list(it.dropped()))} wrong {len(list(it.wrong()))}"
    if got != wanted:
        print(f"{got}, but it is {text}")
    return got == wanted


def try_cases(start):
    """Judge the cases in standard input, each after a line "=="; `start` begins all logs."""
    cases = sys.stdin.read().split("==\n")[1:]
    good = sum(try_case(case.replace("\n", "\n" + start, 1)) for case in cases)
    print(f"{good} of {len(cases)} cases")
    return 0 if cases and good == len(cases) else 1


def main():
    if sys.argv[1] == "cases":
        return try_cases(sys.argv[2])
    what, out = sys.argv[1], Path(sys.argv[2])
    rest = sys.argv[3:]
    if what == "cut":
        return cut(out, rest)
    if what == "ask":
        return ask(out, rest[0])
    if what == "asked":
        return asked(out, rest[0])
    where = Path(rest[rest.index("in") + 1]) if "in" in rest else None
    return judge(out, int(rest[0]) if rest and rest[0].isdigit() else 0, "strict" in rest, where)


if __name__ == "__main__":
    sys.exit(main())
