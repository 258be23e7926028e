# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs to serve a tree that is not listed, side by side with others.
tests/bench/run lazy starts this."""

import contextlib
import datetime
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import process
import systems
import world

HERE = Path(__file__).resolve().parent
QUICK = os.environ.get("QUICK", "") not in ("", "0")
RUNS = int(os.environ.get("RUNS") or (1 if QUICK else 3))
TIMEOUT = float(os.environ.get("TIMEOUT") or (15 if QUICK else 40))
RTT = float(os.environ.get("RTT") or 20)
SIZES = [10, 1000] if QUICK else [10, 1000, 100_000]
WIDE = 200 if QUICK else 1000
TRIGGERS = 200 if QUICK else 2000
STATS = 20_000 if QUICK else 200_000
INODES = 400_000


def say(text):
    print(text, file=sys.stderr, flush=True)


def short(seconds):
    if not isinstance(seconds, float):
        return seconds or "–"
    if seconds < 0.1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def table(head, lines):
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in [head, rule, *lines])


def median(values):
    """Of numbers; a word where one was not."""
    words = [value for value in values if not isinstance(value, (int, float))]
    return words[0] if words else statistics.median(values)


class Lazy(systems.Hsm):
    options = ["--namespace", "lazy"]


class Crawl(systems.Hsm):
    options = ["--namespace", "crawl"]


class Eager(systems.Hsm):
    options = ["--namespace", "eager"]


KINDS = {"hsm lazy": Lazy, "hsm crawl": Crawl, "hsm eager": Eager,
         "httpdirfs": systems.Httpdirfs, "rclone": systems.Rclone}


class Bench:
    def __init__(self, base, stack):
        self.base = base
        self.timeout = TIMEOUT
        self.hsm_serve = Path(os.environ.get("BUILD") or "build").resolve() / "hsm-serve"
        self.reader = world.build(base, HERE, "reader")
        self.kinds = {name: kind for name, kind in KINDS.items()
                      if name not in systems.PEERS or systems.installed(name)}
        proxy = world.build(base, HERE, "delay-proxy")
        self.remote = stack.enter_context(
            world.mounted(base / "remote", "-t", "tmpfs", "-o", "nr_inodes=1000000", "none"))
        self.nginx = world.Nginx(base / "nginx", self.remote, stack)
        self.ports = {False: self.nginx.port,
                      True: world.start_proxy(proxy, RTT, self.nginx.port, stack)}
        for size in SIZES:
            self.make_tree(size)
        self.make_wide("wide", WIDE)
        self.make_wide("triggers", TRIGGERS)

    def make_tree(self, directories):
        """Four levels, the deepest of them with a file in each directory."""
        root = self.remote / f"n{directories}"
        each = max(2, round((directories / 2) ** (1 / 3)))
        made = 0
        for first in range(each * 2):
            for second in range(each):
                for third in range(each):
                    if made >= directories:
                        return
                    at = root / f"a{first:03}" / f"b{second:03}" / f"c{third:03}"
                    at.mkdir(parents=True)
                    (at / "file").write_bytes(b"content\n")
                    made += 1

    def make_wide(self, name, directories):
        for number in range(directories):
            at = self.remote / name / f"d{number:04}"
            at.mkdir(parents=True)
            (at / "file").write_bytes(b"content\n")

    def url(self, folder, far=False):
        return f"http://127.0.0.1:{self.ports[far]}/{folder}/"

    @contextlib.contextmanager
    def session(self, name, folder, far=False, more=()):
        with world.ext4(self.base, "cache", INODES) as where:
            session = self.kinds[name](self, where, self.url(folder, far))
            if more:
                session.options = [*session.options, *more]
            self.nginx.take()
            with session.running(self.base):
                yield session

    def measured(self, name, folder, far, work):
        """The results of `work`, a dictionary; a word where it did not end."""
        try:
            with self.session(name, folder, far) as session:
                return work(session)
        except process.Unfinished:
            return {"failed": "DNF"}
        except process.Wrong as error:
            say(f"  {name}, {folder}: {error}")
            return {"failed": "failed"}

    def repeated(self, name, folder, far, work, runs=RUNS):
        results = []
        for _ in range(runs):
            results.append(self.measured(name, folder, far, work))
            if "failed" in results[-1]:
                break
        keys = {key for result in results for key in result}
        if "failed" in keys:
            word = next(result["failed"] for result in results if "failed" in result)
            return {"failed": word}
        return {key: median([result[key] for result in results]) for key in keys}


# ------------------------------------------------------------------ the parts --


def started(bench, folder):
    """Until served, requests until then, and the first look at a deep path."""
    deep = next(sorted(path)[0] for path in [list(bench.remote.glob(f"{folder}/*/*/*/file"))])
    inner = deep.relative_to(bench.remote / folder)

    def work(session):
        requests, _ = bench.nginx.take()
        seconds, _ = process.run(["stat", "-c", "%s", session.where / inner], bench.timeout)
        looked, _ = bench.nginx.take()
        return {"served": session.served, "requests": requests, "stat": seconds,
                "looked": looked}
    return work


def part_start(bench):
    lines = []
    for far in (False, True):
        for size in SIZES:
            row, stats = [], []
            for name in bench.kinds:
                # One after the other, 100,000 listings take more than half an hour.
                if name == "hsm eager" and size > 10_000 and far:
                    row.append("–")
                    stats.append("–")
                    continue
                say(f"start: {name}, {size}{', far' * far}")
                result = bench.repeated(name, f"n{size}", far, started(bench, f"n{size}"),
                                        1 if size > 10_000 else RUNS)
                failed = result.get("failed")
                row.append(failed or f"{short(result['served'])}, {result['requests']:.0f}")
                stats.append(failed or f"{short(result['stat'])}, {result['looked']:.0f}")
            mark = " †" * far
            lines.append((f"until served, {size:,} directories{mark}", row))
            lines.append((f"then the first `stat` of a path four deep{mark}", stats))
    head = ["seconds, requests", *bench.kinds]
    return ("## Until served, and the first look\n\n" +
            table(head, [[title, *cells] for title, cells in lines]))


def find(bench):
    def work(session):
        argv = ["find", session.where, "-type", "f", "-printf", "%s\\n"]
        seconds, out = process.run(argv, bench.timeout)
        if out.split() != ["8"] * WIDE:
            raise process.Wrong(f"find: {len(out.split())} files of {WIDE}")
        return {"find": seconds, "requests": bench.nginx.take()[0]}
    return work


def one_by_one(bench, far):
    """One client, one connection, one listing after the other."""
    config = bench.base / "urls"
    urls = [bench.url(f"wide/d{number:04}", far) for number in range(WIDE)]
    config.write_text("".join(f'url="{url}"\noutput="/dev/null"\n' for url in urls),
                      encoding="ascii")
    try:
        return process.run(["curl", "-sS", "-f", "-K", config], bench.timeout)[0]
    except process.Unfinished:
        return "DNF"


def part_find(bench):
    names = [name for name in bench.kinds if name != "hsm eager"]
    lines = []
    verdict = "?"
    for far in (False, True):
        say(f"find{', far' * far}")
        results = {name: bench.repeated(name, "wide", far, find(bench),
                                        1 if name in systems.PEERS else RUNS)
                   for name in names}
        single = one_by_one(bench, far)
        mark = " †" * far
        lines.append([f"`find` through {WIDE:,} cold directories{mark}", short(single),
                      *[results[name].get("failed") or
                        f"{short(results[name]['find'])}, {results[name]['requests']:.0f}"
                        for name in names]])
        ours = results["hsm lazy"].get("find")
        if far and ours and isinstance(single, float):
            verdict = f"{single / ours:.1f} times as fast as one after the other (aim: 5)"
    return ("## Many cold directories\n\n" +
            table(["seconds, requests", "curl, one by one", *names], lines) +
            f"\n\nWith {RTT:g} ms of round trip hsm lazy is {verdict}.")


def in_turns(bench, ours, plain, work):
    """[our median, median of plain / ours]: both in turns, the same machine."""
    pairs = []
    for turn in range(3 if QUICK else 15):
        pair = [0, 0]
        for index in ((0, 1) if turn % 2 else (1, 0)):
            pair[index] = work((plain, ours)[index])
        pairs.append(pair)
    return [statistics.median(mine for _, mine in pairs),
            statistics.median(theirs / mine for theirs, mine in pairs)]


def find_all(bench, where):
    return process.run(["find", where, "-printf", "%s"], bench.timeout)[0]


def stat_many(bench, where):
    """From a working directory in the tree, as those who walk do it."""
    argv = ["env", "-C", where, bench.reader, "stat", "d0000/file", STATS]
    return float(process.run(argv, bench.timeout)[1])


def stat_absolute(bench, where):
    argv = [bench.reader, "stat", where / "d0000" / "file", STATS]
    return float(process.run(argv, bench.timeout)[1])


def open_many(bench, path):
    return float(process.run([bench.reader, "open", path, STATS], bench.timeout)[1])


WARM = (("`find`", find_all), ("`stat` from within", stat_many),
        ("`stat` of an absolute path (DIR is one mount more)", stat_absolute))


def warm_lines(bench, where, plain, title):
    lines = []
    for name, work in WARM:
        work(bench, where)
        work(bench, plain)
        seconds, ratio = in_turns(bench, where, plain, lambda at, work=work: work(bench, at))
        lines.append([f"warm {name}: {title}", short(seconds), f"{ratio:.3f}",
                      "yes" if ratio >= 0.98 else "**no**"])
    return lines


def part_warm(bench):
    say("warm")
    lines = []
    with world.ext4(bench.base, "reference", INODES) as reference:
        world.command("cp", "-a", f"{bench.remote / 'wide'}/.", reference)
        twin = reference / "twin"
        world.command("cp", "-a", bench.remote / "wide", twin)
        lines += warm_lines(bench, twin, reference / "twin", "the same plain ext4 twice (noise)")
        with bench.session("hsm lazy", "wide") as session:
            find_all(bench, session.where)
            wait_for_triggers(session)
            lines += warm_lines(bench, session.where, twin, "lazy, all of it listed")
        with bench.session("hsm eager", "wide") as session:
            lines += warm_lines(bench, session.where, twin, "eager")
        lines += part_leftover(bench, twin)
    return ("## Warm, against plain ext4\n\n" +
            table(["", "time", "plain / this", "≥ 0.98"], lines))


def wait_for_triggers(session):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        if f" {session.where}/" not in text:
            return
        time.sleep(0.05)
    raise SystemExit("bench: triggers stay")


def part_leftover(bench, plain):
    """A trigger leaves no mount; so many mounts on the way would cost this."""
    deep = plain / "m0" / "m1" / "m2" / "m3"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x")
    path = deep / "file"
    open_many(bench, path)
    base = [open_many(bench, path) for _ in range(5)]
    lines = [["`open` and `close` of a path of which nothing is left of its triggers: "
              "0 mounts", f"{statistics.median(base) / STATS * 1e9:.0f} ns", "1", ""]]
    for count in (1, 4):
        with contextlib.ExitStack() as stack:
            at = plain
            for number in range(count):
                at = at / f"m{number}"
                world.command("mount", "--bind", at, at)
                stack.callback(world.command, "umount", "--lazy", at)
            open_many(bench, path)
            took = [open_many(bench, path) for _ in range(5)]
        lines.append([f"the same through {count} mount{'s' * (count > 1)}",
                      f"{statistics.median(took) / STATS * 1e9:.0f} ns",
                      f"{statistics.median(base) / statistics.median(took):.3f}", ""])
    return lines


def kernel_memory():
    fields = dict(line.split(":", 1) for line in
                  Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return sum(int(fields[name].split()[0]) * 1024 for name in ("Slab", "Percpu"))


def part_triggers(bench):
    say("triggers")
    took, memory, peaks = {}, {}, {}
    for count in (1, TRIGGERS):
        folder = "triggers" if count > 1 else "single"
        if count == 1:
            bench.make_wide(folder, 1)
        served, kernel = [], []
        for _ in range(max(RUNS, 2)):
            world.drop_caches()
            before = kernel_memory()
            with bench.session("hsm lazy", folder) as session:
                served.append(session.served)
                kernel.append(kernel_memory() - before)
                peaks[count] = process.peak_bytes(session.pid)
        took[count], memory[count] = statistics.median(served), statistics.median(kernel)
    more = TRIGGERS - 1
    lines = [["time until served", f"{(took[TRIGGERS] - took[1]) / more * 1e6:.0f} µs"],
             ["kernel memory (slab, with the directory itself)",
              f"{(memory[TRIGGERS] - memory[1]) / more / 1024:.1f} KiB"],
             ["memory of the server", f"{(peaks[TRIGGERS] - peaks[1]) / more / 1024:.1f} KiB"]]
    return ("## What a trigger costs\n\n" +
            table([f"each, of {TRIGGERS:,}", ""], lines))


PARTS = {"start": part_start, "find": part_find, "warm": part_warm,
         "triggers": part_triggers}


def version(name, option):
    done = subprocess.run([name, option], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return next((line.split(" (")[0] for line in lines if name in line.lower()), name)


def report(bench, parts):
    peers = {"httpdirfs": "--version", "rclone": "version"}
    found = [version(name, option) for name, option in peers.items() if name in bench.kinds]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    text = "\n\n".join(parts)
    return f"""<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
# What a tree costs that is not listed first

`tests/bench/run lazy`, {datetime.date.today()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux
{os.uname().release}; {"; ".join(found)}. Medians of {RUNS} runs{", the small version" if QUICK else ""};
100,000 directories, and what others take for many, once. One nginx on loopback; each run begins
with an empty cache on a fresh ext4 loop image. † = through a proxy that adds {RTT:g} ms of round
trip. DNF: not finished within {TIMEOUT:.0f} s. A number after the seconds: requests.

What is lazy lies on a mount that maps IDs, which is how directories that are not listed stay
closed (hsm(7)); every warm `stat` pays for that.

{text}
"""


def main():
    world.begin()
    wanted = os.environ.get("PARTS", "").split(",") if os.environ.get("PARTS") else PARTS
    with contextlib.ExitStack() as stack:
        bench = Bench(stack.enter_context(world.scratch()), stack)
        if not bench.hsm_serve.exists():
            raise SystemExit(f"bench: {bench.hsm_serve} is not there: run make first")
        parts = [PARTS[name](bench) for name in PARTS if name in wanted]
        text = report(bench, parts)
    print(text)
    small = QUICK or os.environ.get("PARTS")
    results = os.environ.get("RESULTS") or ("" if small else HERE / "LAZY.md")
    if results:
        Path(results).write_text(text, encoding="utf-8")


main()
