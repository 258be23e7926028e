# SPDX-License-Identifier: GPL-2.0-or-later
"""What is compared.  A session is one system, begun with an empty cache on a
fresh ext4 image; its methods do one piece of work and return the seconds."""

import contextlib
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import process
import world
from process import Wrong


class Session:
    """Programs that read below a directory, whoever put it there."""

    pid = None  # of the server
    cpu = 0  # seconds that it had used at the last row
    served = None  # seconds that its start took
    found = None  # seconds that the first find took
    warms = True

    def __init__(self, bench, where):
        self.bench = bench
        self.where = where

    def chill(self):
        """Before a cold row.  A fresh session is cold as it is."""

    def prepare(self, scenario):
        """Before all rows."""

    def reader(self, mode, name, *more):
        argv = [self.bench.reader, mode, self.where / name, *more]
        return float(process.run(argv, self.bench.timeout)[1])

    def first(self, names):
        return statistics.median(self.reader("first", name) for name in names)

    def timed(self, *argv):
        """Seconds of a whole command, from its start to its end."""
        argv = [self.bench.reader, "time", *argv]
        return float(process.run(argv, self.bench.timeout)[1].split()[-1])

    def first_command(self, names):
        return statistics.median(
            self.timed(self.bench.reader, "first", self.where / name) for name in names)

    def sequential(self, name):
        return self.reader("seq", name)

    def random(self, name, count):
        return self.reader("random", name, count, 1)

    def touch(self, name, count):
        return self.reader("mmap", name, count, 1)

    def parallel(self, names):
        began = time.monotonic()
        readers = [process.start([self.bench.reader, "seq", self.where / name])
                   for name in names]
        try:
            for one in readers:
                process.finish(one, began + self.bench.timeout)
            return time.monotonic() - began
        finally:
            for one in readers:
                process.kill_group(one)

    def find(self, files):
        argv = ["find", self.where, "-type", "f", "-printf", "%s\\n"]
        seconds, out = process.run(argv, self.bench.timeout)
        if out.split() != ["4096"] * files:
            raise Wrong(f"find: {len(out.split())} files, not all of 4096 bytes")
        self.found = self.found or seconds
        return seconds

    def begin(self):
        """From the start of the server to the last name."""
        return self.served and self.served + self.found

    def tar(self, files):
        argv = ["sh", "-c", "tar -c -C \"$0\" . | wc -c", self.where]
        seconds, out = process.run(argv, self.bench.timeout)
        if int(out) < files * 4096:
            raise Wrong(f"tar: {out.strip()} bytes")
        self.reader("seq", "d000/f000")
        return seconds


class Plain(Session):
    """The same files on ext4: what warm should be.  Cold is from the disk."""

    def chill(self):
        world.drop_caches()

    def first(self, names):
        """One: the names are links to one file, the second would be warm."""
        return super().first(names[:1])

    def first_command(self, names):
        return None

    def prepare(self, scenario):
        world.command("cp", "-a", f"{self.bench.remote / scenario.folder}/.", self.where)


class Curl(Session):
    """curl into files on ext4, with up to `jobs` transfers at a time."""

    jobs = 1
    warms = False

    def __init__(self, bench, where, url):
        super().__init__(bench, where)
        self.url = url

    def one(self, name, *more):
        argv = ["curl", "-sS", "-f", "-w", "%{time_total}", *more, self.url + name]
        return float(process.run(argv, self.bench.timeout)[1])

    def first(self, names):
        return statistics.median(
            self.one(name, "-r", "0-4095", "-o", "/dev/null") for name in names)

    def first_command(self, names):
        return statistics.median(
            self.timed("curl", "-sS", "-f", "-r", "0-4095", "-o", "/dev/null",
                       self.url + name) for name in names)

    def sequential(self, name):
        return self.one(name, "-o", self.where / "out")

    def random(self, name, count):
        return None

    def find(self, files):
        return None

    def many(self, names):
        config = self.where / "config"
        with open(config, "w", encoding="ascii") as file:
            for name in names:
                file.write(f'url="{self.url}{name}"\noutput="{self.where}/out/{name}"\n')
        argv = ["curl", "-sS", "-f", "--create-dirs", "-K", config]
        if self.jobs > 1:
            argv += ["--parallel", "--parallel-max", self.jobs]
        return process.run(argv, self.bench.timeout)[0]

    parallel = many

    def tar(self, files):
        root = self.bench.remote / Path(self.url).name
        names = [str(path.relative_to(root)) for path in sorted(root.glob("*/*"))]
        return self.many(names)


class CurlParallel(Curl):
    jobs = 8


class Server(Session):
    """A program that serves a directory."""

    def __init__(self, bench, where, url):
        super().__init__(bench, where)
        self.url = url

    @contextlib.contextmanager
    def running(self, base):
        """The server runs, and `served` is how long its start took."""
        with open(base / "server.log", "w+b") as log:
            began = time.monotonic()
            server = self.launch(log)
            self.pid = server.pid
            with self.unmounted(), world.ended(server):
                self.wait(server, began + self.bench.timeout, log)
                self.served = time.monotonic() - began
                yield

    @contextlib.contextmanager
    def unmounted(self):
        try:
            yield
        finally:
            if self.is_mounted():
                subprocess.run(["umount", "--lazy", self.where], check=False,
                               stderr=subprocess.DEVNULL)

    def popen(self, log, *argv, **more):
        return subprocess.Popen([str(arg) for arg in argv], stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, start_new_session=True, **more)

    def wait(self, server, deadline, log):
        while not self.is_served():
            if time.monotonic() > deadline:
                raise process.Unfinished("start")
            if server.poll() is not None:
                log.seek(0)
                raise Wrong(f"start: {log.read()[-300:].decode(errors='replace')}")
            time.sleep(0.002)

    def is_mounted(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            return any(line.split()[4] == str(self.where) for line in mounts)

    is_served = is_mounted


class Hsm(Server):
    options = []

    def launch(self, log):
        self.where = self.where / "pub"
        self.ready, told = os.pipe()
        os.set_blocking(self.ready, False)
        try:
            return self.popen(log, self.bench.hsm_serve, "--ready-fd", told, *self.options,
                              self.url, self.where, pass_fds=[told])
        finally:
            os.close(told)

    def is_served(self):
        try:
            return os.read(self.ready, 1) != b""
        except BlockingIOError:
            return False


class Httpdirfs(Server):
    def launch(self, log):
        cache = self.where / "cache"
        self.where = self.where / "pub"
        cache.mkdir()
        self.where.mkdir()
        return self.popen(log, "httpdirfs", "-f", "--no-range-check", "--cache",
                          "--cache-location", cache, self.url, self.where)


class Rclone(Server):
    def launch(self, log):
        cache = self.where / "cache"
        self.where = self.where / "pub"
        self.where.mkdir()
        return self.popen(log, "rclone", "mount", "--config", "/dev/null", "--http-url",
                          self.url, "--vfs-cache-mode", "full", "--cache-dir", cache,
                          ":http:", self.where)


KINDS = {
    "plain": Plain,
    "curl": Curl,
    "curl-8": CurlParallel,
    "hsm": Hsm,
    "httpdirfs": Httpdirfs,
    "rclone": Rclone,
}
PEERS = ["httpdirfs", "rclone"]


def installed(name):
    return name not in PEERS or shutil.which(name) is not None


@contextlib.contextmanager
def session(bench, name, url):
    """A session of the system `name` over the remote tree at `url`."""
    with world.ext4(bench.base, "cache") as where:
        kind = KINDS[name]
        if issubclass(kind, Server):
            new = kind(bench, where, url)
            with new.running(bench.base):
                yield new
        elif issubclass(kind, Curl):
            yield kind(bench, where, url)
        else:
            yield kind(bench, where)
