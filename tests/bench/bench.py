# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure every system in every row, in an order that is drawn anew for each
run, and print the table.  tests/bench/run starts this."""

import contextlib
import datetime
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import process
import rows
import systems
import world
from board import Board, Sample

HERE = Path(__file__).resolve().parent
TIMES = 15  # of a warm row in one run, while they fit into WARM_SECONDS
WARM_SECONDS = 5
LONG_SECONDS = 40  # a session that took so long is not run again


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """The settings, and what all sessions share."""

    def __init__(self, base):
        environ = os.environ.get
        self.base = base
        self.quick = environ("QUICK", "") not in ("", "0")
        self.runs = int(environ("RUNS") or (1 if self.quick else 3))
        self.timeout = float(environ("TIMEOUT") or (30 if self.quick else 60))
        self.rtt_ms = float(environ("RTT") or 20)
        self.seed = int(environ("SEED") or time.time())
        self.hsm_serve = Path(environ("BUILD") or "build").resolve() / "hsm-serve"
        self.size = rows.QUICK if self.quick else rows.Size()
        wanted = environ("SYSTEMS", "").split(",") if environ("SYSTEMS") else systems.KINDS
        self.systems = [name for name in systems.KINDS
                        if name in wanted and systems.installed(name)]
        chosen = environ("ROWS", "").split(",") if environ("ROWS") else None
        self.scenarios = [one for one in rows.scenarios(self.size)
                          if not chosen or one.name in chosen]
        self.board = Board(self.systems)

    def build(self, stack):
        """The remote, its servers, and plain copies to compare with."""
        self.reader = world.build(self.base, HERE, "reader")
        proxy = world.build(self.base, HERE, "delay-proxy")
        self.remote = stack.enter_context(
            world.mounted(self.base / "remote", "-t", "tmpfs", "none"))
        self.fill_remote()
        self.nginx = world.Nginx(self.base / "nginx", self.remote, stack)
        self.far_port = world.start_proxy(proxy, self.rtt_ms, self.nginx.port, stack)
        self.reference = stack.enter_context(world.ext4(self.base, "reference"))
        for scenario in self.scenarios:
            if any(row.warm for row in scenario.rows):
                where = self.reference / scenario.folder
                where.mkdir()
                self.plain(scenario).prepare(scenario)

    def fill_remote(self):
        size = self.size
        big = self.remote / "big"
        world.make_big(self.reader, big, size.big, ["seq", "random", *rows.FIRST])
        world.make_big(self.reader, big, size.far_big, ["far"])
        world.make_big(self.reader, self.remote / "four", size.one_of_four, rows.FOUR)
        world.make_tree(self.reader, self.remote / "tree", size.files, size.folders)
        world.make_tree(self.reader, self.remote / "fartree", size.far_files,
                        size.far_folders)

    def url(self, scenario):
        port = self.far_port if scenario.far else self.nginx.port
        return f"http://127.0.0.1:{port}/{scenario.folder}/"

    def run(self):
        order = random.Random(self.seed)
        took = {}
        for run in range(self.runs):
            for scenario in self.scenarios:
                names = [name for name in scenario.systems if name in self.systems]
                order.shuffle(names)
                for name in names:
                    session = scenario.name, name
                    if took.get(session, 0) > LONG_SECONDS:
                        continue
                    say(f"run {run + 1}/{self.runs} {scenario.name}: {name}")
                    began = time.monotonic()
                    self.run_session(scenario, name)
                    took[session] = time.monotonic() - began

    def run_session(self, scenario, name):
        """All rows of a scenario, up to one that this system cannot finish."""
        at = scenario.rows[0]
        first_warm = next((row for row in scenario.rows if row.warm), None)
        if self.board.failed(at.key, name):
            return
        self.nginx.take()
        try:
            with systems.session(self, name, self.url(scenario)) as session:
                session.prepare(scenario)
                for at in scenario.rows:
                    if self.board.failed(at.key, name):
                        return
                    if at is first_warm and session.warms:
                        self.warm(at, session, self.plain(scenario))
                    self.run_row(at, name, session, scenario)
        except process.Unfinished:
            say(f"  {at.title}: not finished within {self.timeout:.0f} s")
            self.board.fail(at.key, name, "DNF")
        except process.Wrong as error:
            say(f"  {at.title}: {error}")
            self.board.fail(at.key, name, "failed")

    def plain(self, scenario):
        return systems.Plain(self, self.reference / scenario.folder)

    @staticmethod
    def warm(row, session, plain):
        """Fill the page cache of both in the same way: pages that were written are
        not as large as pages that were read."""
        world.drop_caches()
        row.work(plain)
        row.work(session)

    def run_row(self, row, name, session, scenario):
        if row.warm and not session.warms:
            return
        os.sync()
        if row.warm:
            sample = self.in_turns(row, session, self.plain(scenario))
        else:
            session.chill()
            seconds = row.work(session)
            if seconds is None:
                return
            sample = Sample(seconds)
        if session.pid:
            self.add_cost(session, sample)
        self.board.add(row.key, name, sample)
        say(f"  {row.title}: {sample}")

    def add_cost(self, session, sample):
        """What the server has spent since the row before, or since its start."""
        process.settle(session.pid)
        cpu = process.cpu_seconds(session.pid)
        sample.cpu, session.cpu = cpu - session.cpu, cpu
        sample.peak = process.peak_bytes(session.pid)
        process.reset_peak(session.pid)
        sample.requests, sample.bytes = self.nginx.take()

    def in_turns(self, row, session, plain):
        """A warm row: plain and session in turns, so that both see the same machine."""
        pairs = []
        deadline = time.monotonic() + WARM_SECONDS
        while len(pairs) < TIMES and (not pairs or time.monotonic() < deadline):
            turn = [(0, plain), (1, session)]
            pair = [0, 0]
            for index, one in turn if len(pairs) % 2 else reversed(turn):
                if row.drop:
                    world.drop_caches()
                pair[index] = row.work(one)
            pairs.append(pair)
        return Sample(statistics.median(ours for _, ours in pairs),
                      ratio=statistics.median(theirs / ours for theirs, ours in pairs))


def version(name, option):
    """The first line in which the program speaks of itself."""
    done = subprocess.run([name, option], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return next((line.split(" (")[0] for line in lines if name in line.lower()), name)


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def report(bench):
    options = {"nginx": "-v", "curl": "--version", "httpdirfs": "--version",
               "rclone": "version"}
    found = [version(name, option) for name, option in options.items()
             if name == "nginx" or name in bench.systems]
    return f"""<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
# What `make bench` measured

{datetime.date.today()}, {machine()}; {"; ".join(found)}. Medians of {bench.runs} runs{
" of the small version (QUICK=1)" if bench.quick else ""}, seed {bench.seed}; what took
longer than {LONG_SECONDS} s the first time was run once.

One nginx on loopback serves from memory; each system begins with an empty cache on a fresh
ext4 loop image. curl-8 = up to 8 transfers at a time. "One command" is from the start to the
end of a process (`curl -r 0-4095`, or a program that reads as much), "from `open`" what the
program itself measures (curl: its `time_total`, which begins after its start). † = through a proxy that adds
{bench.rtt_ms:g} ms of round trip. Warm rows are measured in turns with a plain copy, whose time
divided by this one's stands in brackets; the column `plain` is a second plain copy, so its
distance from 1 is the noise of the machine, and its cold rows come from the disk. DNF: not
finished within {bench.timeout:.0f} s, or not tried again.

{bench.board.times(bench.scenarios)}
{bench.board.memory()}
## What the servers spent

{bench.board.costs(bench.scenarios)}"""


def main():
    world.begin()
    with contextlib.ExitStack() as stack:
        bench = Bench(stack.enter_context(world.scratch()))
        if "hsm" in bench.systems and not bench.hsm_serve.exists():
            raise SystemExit(f"bench: {bench.hsm_serve} is not there: run make first")
        bench.build(stack)
        try:
            bench.run()
        finally:
            text = report(bench)
            print(text)
    results = os.environ.get("RESULTS") or ("" if bench.quick else HERE / "RESULTS.md")
    if results:
        Path(results).write_text(text, encoding="utf-8")


main()
