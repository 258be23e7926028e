# SPDX-License-Identifier: GPL-2.0-or-later
"""A long mixed load with a model: soak.py DIR TREE PORT SECONDS SEED

Serves http://127.0.0.1:PORT/ (a fault server whose files are in TREE) in DIR.
Threads read in every way, write, append, truncate, rename, remove, evict and
prefetch, while others change the remote, order faults, kill worker and guard
and restart the server.  What every read must give is known; EIO is allowed only
while a fault was ordered, or for a file whose version the remote gave up.
The last third is without kills: descriptors and memory must not grow in it.
"""
import contextlib
import errno
import json
import mmap
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from power import BLOCK, len_of, noise

SIZES = [0, 1, 100, 4096, 5000, 70000, 262144, 1000000, 3 << 20]
FAULTS = ["503", "500", "429&after=0", "reset", "cut", "long", "range",
          "no-range", "stall", "404"]


class File:
    """`sequence` is odd while it is being changed."""

    def __init__(self, name, versions, local=None):
        self.name, self.versions, self.local = name, versions, local
        self.path, self.sequence = name, 0
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def changing(self):
        with self.lock:
            self.sequence += 1
            try:
                yield
            finally:
                self.sequence += 1

    def may_be(self, data, at=None):
        """Is `data` (from `at`; None: all) what is to be read?"""
        for content in self.versions if self.local is None else [self.local]:
            if data == (content if at is None else
                        content[at:at + len(data)]):
                return True
        return False


class Gate:
    """Many pass; one may close it, and then has everything for itself."""

    def __init__(self):
        self.changed = threading.Condition()
        self.inside, self.closed = 0, False

    @contextlib.contextmanager
    def passing(self):
        with self.changed:
            while self.closed:
                self.changed.wait()
            self.inside += 1
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.changed.notify_all()

    @contextlib.contextmanager
    def closing(self):
        with self.changed:
            while self.closed:
                self.changed.wait()
            self.closed = True
            if not self.changed.wait_for(lambda: not self.inside, 100):
                raise AssertionError("somebody hangs for 100 s")
        try:
            yield
        finally:
            with self.changed:
                self.closed = False
                self.changed.notify_all()


class Soak:
    def __init__(self, directory, tree, port, seconds, seed):
        self.dir, self.tree = directory, tree
        self.url = f"http://127.0.0.1:{port}/"
        self.seconds, self.random = seconds, random.Random(seed)
        self.files, self.origins = [], {}
        self.gate = Gate()
        self.stop, self.calm = threading.Event(), threading.Event()
        self.problems = []
        self.fault_from, self.fault_until = 0, 0
        self.count = dict.fromkeys(
            "reads mapped writes removals renames creations evictions "
            "prefetches versions faults eio worker_kills guard_kills "
            "restarts".split(), 0)

    # ------------------------------------------------------------- the world

    def command(self, name, *words):
        return subprocess.run([name, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=100,
                              check=False)

    def serve(self):
        log = open(os.path.join(os.environ["SCRATCH"], "soak.log"), "ab")
        with log:
            done = subprocess.run(
                ["hsm-serve", "-b", "--stream-above", "512K", "--retries", "1",
                 "--timeout", "4", "--jobs", "4", self.url, self.dir],
                stdin=subprocess.DEVNULL, stderr=log, timeout=100, check=False)
        if done.returncode:
            raise AssertionError("hsm-serve does not start")

    def status(self):
        return json.loads(self.command("hsm-serve", "--status", "--json",
                                       self.dir).stdout)

    def state(self, path):
        return self.command("hsm-mark", path).stdout.split("\t")[:2]

    def remote_write(self, name, number, size):
        content = noise(f"{name}/{number}", size)
        path = os.path.join(self.tree, name)
        with open(path + ".new", "wb") as f:
            f.write(content)
        when = 1600000000 + number * 1000
        os.utime(path + ".new", (when, when))
        return content, lambda: os.replace(path + ".new", path)

    def remote_make(self):
        for number in range(45):
            size = SIZES[number % len(SIZES)]
            name = f"f{number:02}-{size}"
            content, publish = self.remote_write(name, 1, size)
            publish()
            self.origins[name] = [content]
            self.files.append(File(name, self.origins[name]))

    def order(self, path):
        with urllib.request.urlopen(
                urllib.request.Request(self.url + path, method="POST"),
                timeout=20):
            pass

    def join(self, file):
        return os.path.join(self.dir, file.path)

    def pick(self, rng):
        return rng.choice(self.files)

    # --------------------------------------------------------------- the acts

    def worker(self, name, seed, acts, pause):
        rng = random.Random(f"{seed}/{name}")
        act = None
        try:
            while not self.stop.is_set():
                act = rng.choices(list(acts), list(acts.values()))[0]
                act(rng)
                time.sleep(rng.random() * pause)
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(f"{act.__name__}: {error!r}")
            self.stop.set()

    @contextlib.contextmanager
    def errors(self, file, begun):
        """EIO is for faults and for what the remote gave up."""
        try:
            yield
        except FileNotFoundError:
            if file.sequence == begun[1]:
                raise
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.count["eio"] += 1
            # A read may take as long as the bounds say, after the fault.
            if begun[0] <= self.fault_until + 1:
                return
            if len(file.versions) > 1:
                self.command("hsm-mark", "-q", "--refresh", self.join(file))
                return
            raise

    def check(self, file, begun, data, at, how):
        right = file.may_be(data, at)
        if file.sequence == begun and not begun % 2 and not right:
            raise AssertionError(
                f"{file.path}: wrong bytes by {how} at {at}, {len(data)} bytes,"
                f" zeros {not any(data)}, local {file.local is not None}, "
                f"{self.state(self.join(file))}")

    def act_read(self, rng):
        """All of it, a range, or a mapping."""
        with self.gate.passing():
            file = self.pick(rng)
            begun = (time.monotonic(), file.sequence)
            with self.errors(file, begun):
                fd = os.open(self.join(file), os.O_RDONLY)
                try:
                    self.read_fd(rng, file, begun[1], fd)
                finally:
                    os.close(fd)
        self.count["reads"] += 1

    def read_fd(self, rng, file, begun, fd):
        size = os.fstat(fd).st_size
        how = rng.randrange(3)
        if how == 0:
            data = b""
            while part := os.read(fd, rng.choice([5000, 65536, 1 << 20])):
                data += part
            self.check(file, begun, data, None, "read")
            return
        at = rng.randrange(size + 1)
        length = rng.choice([1, BLOCK, 100000])
        if how == 1 or at == size:
            data = os.pread(fd, length, at)
            self.check(file, begun, data, at, "pread")
            return
        # A page that is truncated away meanwhile would be SIGBUS: not while
        # somebody can.
        if not file.lock.acquire(blocking=False):
            return
        try:
            size = os.fstat(fd).st_size
            at = rng.randrange(size) if size else 0
            if size:
                start = at // BLOCK * BLOCK
                with mmap.mmap(fd, size - start, prot=mmap.PROT_READ,
                               offset=start) as view:
                    data = view[at - start:at - start + length]
                self.check(file, file.sequence, data, at, "mmap")
                self.count["mapped"] += 1
        finally:
            file.lock.release()

    def act_write(self, rng):
        with self.gate.passing():
            file = self.pick(rng)
            with file.changing():
                begun = (time.monotonic(), file.sequence)
                with self.errors(file, begun):
                    self.write(rng, file)

    def write(self, rng, file):
        fd = os.open(self.join(file), os.O_RDWR)
        try:
            now = file.local
            if now is None:
                now = os.pread(fd, os.fstat(fd).st_size, 0)
                if not file.may_be(now):
                    raise AssertionError(f"{file.path}: wrong before a write")
            st = os.fstat(fd)
            at = rng.randrange(len(now) + 1)
            data = rng.randbytes(rng.choice([1, 100, BLOCK, 50000]))
            what = rng.randrange(5)
            if what == 0:
                at = len(now)
            if what <= 2:
                new = now[:at] + data + now[at + len(data):]
                os.pwrite(fd, data, at)
            elif what == 3:
                new = now[:at]
                os.ftruncate(fd, at)
            else:
                new = data
                os.ftruncate(fd, 0)
                os.pwrite(fd, data, 0)
            if rng.random() < 0.2:
                os.utime(fd, ns=(st.st_atime_ns, st.st_mtime_ns))
            if new != now or what != 3:
                file.local = new
            self.count["writes"] += 1
        finally:
            os.close(fd)

    def act_replace(self, rng):
        """O_TRUNC of whatever is there."""
        with self.gate.passing():
            file = self.pick(rng)
            with file.changing():
                data = rng.randbytes(rng.choice([1, 5000, 200000]))
                with open(self.join(file), "wb") as f:
                    f.write(data)
                file.local = data
                self.count["writes"] += 1

    def act_create(self, rng):
        with self.gate.passing():
            name = f"new{rng.randrange(1 << 40)}"
            data = rng.randbytes(rng.choice([0, 10, 5000, 200000]))
            with open(os.path.join(self.dir, name), "xb") as f:
                f.write(data)
            self.files.append(File(name, [], data))
            self.count["creations"] += 1

    def act_remove(self, rng):
        with self.gate.passing():
            file = self.pick(rng)
            if file.versions and rng.random() < 0.9:
                return
            with file.changing():
                if file not in self.files:
                    return
                self.files.remove(file)
                os.unlink(self.join(file))
                self.count["removals"] += 1

    def act_rename(self, rng):
        with self.gate.passing():
            file = self.pick(rng)
            with file.changing():
                if file not in self.files:
                    return
                new = f"{file.name}.r{rng.randrange(1 << 30)}"
                os.rename(self.join(file), os.path.join(self.dir, new))
                file.path = new
                self.count["renames"] += 1

    def act_evict(self, rng):
        with self.gate.passing():
            what = ["-R", self.dir] if rng.random() < 0.5 else \
                [self.join(self.pick(rng))]
            self.command("hsm-evict", "-q", *what)
            self.count["evictions"] += 1

    def act_prefetch(self, rng):
        with self.gate.passing():
            self.command("hsm-prefetch", "-q", self.join(self.pick(rng)))
            self.count["prefetches"] += 1

    def act_new_version(self, rng):
        with self.gate.passing():
            name = rng.choice(list(self.origins))
            versions = self.origins[name]
            number = len(versions) + 1
            size = rng.choice([len_of(name), len_of(name), len_of(name) + 999])
            content, publish = self.remote_write(name, number, size)
            versions.append(content)
            publish()
            for file in list(self.files):
                if file.versions is versions:
                    self.command("hsm-mark", "-q", "--refresh", self.join(file))
            self.count["versions"] += 1

    def act_fault(self, rng):
        kind = rng.choice(FAULTS)
        self.fault_until = time.monotonic() + 3600
        self.order(f"_fault?path=/f*&kind={kind}&method=GET")
        time.sleep(rng.uniform(0.1, 1.5))
        self.order("_reset")
        # A stalled read is given up after --timeout.
        self.fault_until = time.monotonic() + (12 if kind == "stall" else 3)
        self.count["faults"] += 1
        time.sleep(rng.uniform(1, 4))

    def act_kill(self, rng):
        if self.calm.is_set():
            time.sleep(0.2)
            return
        with self.gate.passing():
            who = rng.choice(["worker", "guard"])
            pid = self.status()[f"{who}_pid"]
            if pid > 1:
                os.kill(pid, signal.SIGKILL)
                self.count[f"{who}_kills"] += 1
        time.sleep(rng.uniform(0.3, 2))

    def act_restart(self, rng):
        if self.calm.is_set():
            time.sleep(0.2)
            return
        time.sleep(rng.uniform(5, 12))
        with self.gate.closing():
            done = self.command("hsm-serve", "--stop", self.dir)
            if done.returncode:
                raise AssertionError(f"--stop: {done.stderr}")
            self.serve()
            self.count["restarts"] += 1

    # -------------------------------------------------------------- the check

    def quiet(self):
        """Nothing waits, and so nothing is open for anybody."""
        end = time.monotonic() + 20
        while self.status()["waiting"]:
            if time.monotonic() > end:
                raise AssertionError(f"still waiting: {self.status()}")
            time.sleep(0.1)
        time.sleep(6)  # a stream that nobody wants is kept for 5 s

    def sample(self):
        with self.gate.closing():
            self.quiet()
            status = self.status()
            result = {}
            for who in "worker", "guard":
                pid = status[f"{who}_pid"]
                with open(f"/proc/{pid}/status") as f:
                    rss = [line for line in f if line.startswith("VmRSS")]
                result[who] = (len(os.listdir(f"/proc/{pid}/fd")),
                               int(rss[0].split()[1]))
            return result

    def compare(self, before, after):
        for who in before:
            for what, limit, b, a in (
                    ("descriptors", before[who][0] + 8, before[who][0],
                     after[who][0]),
                    ("KiB", before[who][1] * 1.25 + 8192, before[who][1],
                     after[who][1])):
                if a > limit:
                    raise AssertionError(f"{who}: {b} {what} became {a}")

    def check_all(self):
        known = {file.path for file in self.files}
        for name in set(os.listdir(self.dir)) - known - {".hsm"}:
            if name not in self.origins:
                raise AssertionError(f"nobody made {name}")
            self.files.append(File(name, self.origins[name]))
        for file in self.files:
            path = self.join(file)
            try:
                with open(path, "rb") as f:
                    data = f.read()
            except OSError:
                if len(file.versions) < 2:
                    raise
                self.command("hsm-mark", "-q", "--refresh", path)
                with open(path, "rb") as f:
                    data = f.read()
            self.check(file, file.sequence, data, None, "the last read")
            state = self.state(path)[0]
            if file.local is None:
                right = state == "online"
            elif file.versions:
                right = state == "dirty" or file.local in file.versions
            else:
                right = state == "local"
            if not right:
                raise AssertionError(f"{path} is {state}, local "
                                     f"{file.local is not None}, {os.stat(path)}")

    def run(self):
        self.remote_make()
        self.serve()
        seed = self.random.random()
        readers = {self.act_read: 20, self.act_prefetch: 1}
        writers = {self.act_write: 8, self.act_replace: 1, self.act_create: 2,
                   self.act_remove: 2, self.act_rename: 1, self.act_read: 4}
        jobs = [("read1", readers, 0.01), ("read2", readers, 0.01),
                ("read3", readers, 0.05), ("write", writers, 0.3),
                ("evict", {self.act_evict: 1}, 0.3),
                ("version", {self.act_new_version: 1}, 3),
                ("fault", {self.act_fault: 1}, 0), ("kill", {self.act_kill: 1}, 0),
                ("restart", {self.act_restart: 1}, 0)]
        threads = [threading.Thread(target=self.worker, daemon=True,
                                    args=(name, seed, acts, pause))
                   for name, acts, pause in jobs]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        self.stop.wait(self.seconds * 2 / 3)
        self.calm.set()
        self.stop.wait(self.seconds / 12)
        before = None if self.stop.is_set() else self.sample()
        self.stop.wait(max(1, begin + self.seconds - time.monotonic()))
        after = None if self.stop.is_set() else self.sample()
        self.stop.set()
        for thread in threads:
            thread.join(60)
            if thread.is_alive():
                self.problems.append("a thread hangs")
        if self.problems:
            raise AssertionError("; ".join(self.problems))
        self.order("_reset")
        self.check_all()
        self.compare(before, after)
        if self.status()["waiting"]:
            raise AssertionError("somebody still waits")
        for what, number in self.count.items():
            if not number and what != "mapped":
                raise AssertionError(f"no {what}: this proves nothing")
        print(f"{self.seconds} s, " +
              ", ".join(f"{n} {what}" for what, n in self.count.items()) +
              f", {before} -> {after} (descriptors, KiB)")


def main():
    directory, tree, port, seconds, seed = sys.argv[1:6]
    try:
        Soak(directory, tree, port, int(seconds), seed).run()
    except AssertionError as error:
        print(f"seed {seed}: {error}", file=sys.stderr)
        sys.exit(1)


main()
