# SPDX-License-Identifier: GPL-2.0-or-later
"""Power losses: power.py FS IMAGE WORK URL TREE ROUNDS SEED

Makes a file system FS in IMAGE, serves URL (whose files are in TREE) on it, and
ROUNDS times: works on the served tree from several threads, shuts the file
system down in the middle (what was not written yet never is, as when the power
goes), ends the server, mounts again, checks the file system, serves the same
store again and compares every file with what the model allows:

  a file nobody wrote into   is one version of the remote file, and not dirty
  a file that was written    has every byte of what was synced last, or of a
                             write that came after it (those may have made it,
                             each block by itself, or not)
  a name that was synced     is there; one that was removed or renamed and not
                             synced may be the old or the new one

In every other round the server is strict.  Then it also holds for an fdatasync()
right after the first write; and a file that was open for writing may be dirty.

Then evicts everything that can be evicted and compares again: what the states
claim is true, or this would lose it.  The model is in memory and so is no part
of what the power loss takes.
"""
import contextlib
import errno
import fcntl
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time

BLOCK = 4096
# _IOR('X', 125, __u32) for both: fs/ext4/ext4.h, fs/xfs/xfs_fs.h
SHUTDOWN = 0x8004587D
NOLOGFLUSH, LOGFLUSH, DEFAULT = 2, 1, 0
SIZES = [100, 4096, 5000, 16384, 70000, 262144, 1000000, 1 << 20]
STREAMED = 6 << 20


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def fail(text):
    raise AssertionError(text)


def run(*command, check=True, timeout=60, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=timeout,
                          capture_output=True, text=True, **more)
    if check and done.returncode:
        fail(f"{' '.join(command)}: {done.returncode}: {done.stdout}"
             f"{done.stderr}")
    return done


class File:
    """What may be on disk of one file."""

    def __init__(self, name, versions):
        self.name = name
        self.lock = threading.Lock()
        self.versions = versions     # of the remote file; empty: local
        self.states = []             # [synced, later, later ...]: local content
        self.base = None             # None: any version of the remote file
        self.names = [name]          # the last is the current one
        self.gone = False            # removed; False: never
        self.opened = False          # for writing
        self.maybe_absent = not versions
        self.written = False

    def later(self, content):
        """What may be there from now on as well."""
        if not self.states:
            self.states, self.written = [self.base], True
        self.states.append(content)

    def now(self):
        return self.states[-1] if self.states else self.base


class World:
    def __init__(self, fs, image, work, url, tree, seed):
        self.fs, self.image, self.work, self.url = fs, image, work, url
        self.tree = tree
        self.random = random.Random(seed)
        self.mnt = os.path.join(work, "fs")
        self.dir = os.path.join(self.mnt, "dir")
        self.files = []
        self.stale = False           # has the remote changed?
        self.origins = {}            # the versions of each remote file
        self.strict = self.was_strict = False
        self.stop = threading.Event()
        self.problems = []
        self.count = dict.fromkeys(
            "losses reads writes syncs evictions prefetches refreshes removals "
            "renames creations marks checkpoints checked partial".split(), 0)
        self.build = os.environ["BUILD"]
        os.makedirs(self.mnt, exist_ok=True)

    # ------------------------------------------------------------- the remote

    def remote_write(self, name, version, size=None):
        path = os.path.join(self.tree, name)
        content = noise(f"{name}/{version}", size or len_of(name))
        with open(path + ".new", "wb") as f:
            f.write(content)
        when = 1600000000 + version * 1000
        os.utime(path + ".new", (when, when))
        os.replace(path + ".new", path)
        return content

    def remote_make(self):
        for number in range(44):
            size = SIZES[number % len(SIZES)] if number % 11 else STREAMED
            name = f"f{number:02}-{size}"
            content = self.remote_write(name, 1)
            self.files.append(File(name, [content]))
            self.origins[name] = self.files[-1].versions

    # ------------------------------------------------------------ the machine

    def mkfs(self):
        with open(self.image, "wb") as f:
            f.truncate(768 << 20)
        command = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q"]}
        run(*command[self.fs], self.image)

    def mount(self, *options):
        run("mount", "-o", ",".join(("loop",) + options), self.image, self.mnt)

    def umount(self):
        for _ in range(50):
            done = run("umount", "-R", self.mnt, check=False)
            if not done.returncode:
                break
            time.sleep(0.1)
        # The file system ends with its last, perhaps detached mount; a mount
        # before that would be of the same one, which is shut down.
        for _ in range(200):
            if not run("losetup", "-nj", self.image).stdout:
                return
            time.sleep(0.05)
        fail(f"the file system does not end: {done.stderr}")

    def fsck(self):
        command = {"ext4": ["e2fsck", "-fn"], "xfs": ["xfs_repair", "-n"]}
        done = run(*command[self.fs], self.image, check=False)
        if done.returncode:
            fail(f"fsck: {done.returncode}: {done.stdout}{done.stderr}")

    def shut_down(self, flags):
        fd = os.open(self.mnt, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", flags))
        finally:
            os.close(fd)
        self.count["losses"] += 1

    # ------------------------------------------------------------- the server

    def server_command(self, *options):
        return [os.path.join(self.build, "hsm-serve"), *options, "--jobs", "4",
                "--stream-above", "2M", "--retries", "1", self.url, self.dir]

    def serve(self, strict):
        self.strict = strict
        options = ["-b"] + ["--strict"] * strict
        with open(os.path.join(self.work, "log"), "ab") as log:
            done = subprocess.run(self.server_command(*options), timeout=60,
                                  stdin=subprocess.DEVNULL, stderr=log)
        if done.returncode:
            with open(os.path.join(self.work, "log")) as log:
                fail("hsm-serve: " + "".join(log.readlines()[-5:]))
        status = self.command("hsm-serve", "--status", "--json", self.dir,
                              check=True).stdout
        self.guard = json.loads(status)["guard_pid"]

    def pids(self):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                exe = os.readlink(f"/proc/{pid}/exe")
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
                if os.path.dirname(exe) == self.build and \
                        self.dir.encode() in words:
                    found.append(int(pid))
        return found

    def end_server(self, kill):
        """As a running system would after the shutdown, or as a power loss."""
        if kill:
            while pids := self.pids():
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        elif self.random.random() < 0.5:
            run("umount", "-l", self.dir)
        else:
            os.kill(self.guard, signal.SIGTERM)

    def wait_for_end(self):
        end = time.monotonic() + 20
        while self.pids():
            if time.monotonic() > end:
                fail(f"the server does not end: {self.pids()}")
            time.sleep(0.05)

    def command(self, name, *words, check=False):
        return run(os.path.join(self.build, name), *words, check=check,
                   timeout=30)

    def state(self, path):
        line = self.command("hsm-mark", path, check=True).stdout
        return line.split("\t")[:3]

    # -------------------------------------------------------------- the load

    def path(self, file):
        return os.path.join(self.dir, file.names[-1])

    def pick(self, rng, local=None):
        for _ in range(50):
            file = rng.choice(self.files)
            if file.gone is False and (local is None or
                                       local == (not file.versions)):
                return file
        return self.files[0]

    def worker(self, seed, acts):
        rng = random.Random(seed)
        try:
            while not self.stop.is_set():
                act = rng.choices(list(acts), list(acts.values()))[0]
                try:
                    act(rng)
                except OSError as error:
                    # EPERM: the kernel cannot open the file for the server.
                    if self.stop.is_set() and error.errno in (
                            errno.EIO, errno.EPERM):
                        return
                    if error.errno == errno.EIO and self.stale:
                        # The rest of an old version is nowhere any more.
                        self.command("hsm-mark", "-q", "-R", "--refresh",
                                     self.dir)
                    elif error.errno != errno.ENOENT:
                        raise
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(f"{act.__name__}: {error!r}, "
                                 f"stop {self.stop.is_set()}")

    def act_read(self, rng):
        """Reads while all is well see what the model has now."""
        file = self.pick(rng)
        with file.lock:
            if file.gone is not False:
                return
            with open(self.path(file), "rb") as f:
                data = f.read()
            self.count["reads"] += 1
            if file.states:
                right = data == file.states[-1]
            else:
                right = data in file.versions
            if not right and not self.stop.is_set():
                self.problems.append(
                    f"{file.name}: wrong bytes while serving: "
                    f"{self.state(self.path(file))}, {len(data)} bytes, "
                    f"zeros {not any(data)}, {len(file.versions)} versions, "
                    f"states {[s and len(s) for s in file.states]}")

    def act_read_some(self, rng):
        file = self.pick(rng, local=False)
        with open(self.path(file), "rb") as f:
            at = rng.randrange(max(1, os.fstat(f.fileno()).st_size))
            os.pread(f.fileno(), 50000, at)
        self.count["reads"] += 1

    def begin(self, file, fd):
        """The content before a write is what the write starts from."""
        file.base = None
        if not file.states:
            size = os.fstat(fd).st_size
            data = os.pread(fd, size, 0)
            if len(data) != size or data not in file.versions:
                if not self.stop.is_set():
                    self.problems.append(f"{file.name}: wrong before a write")
                raise OSError(errno.EIO, "gone")
            file.base = data

    def sync(self, rng, file, fd):
        """Each of the ways; afterwards what was written cannot be lost."""
        way = rng.choice(["fsync", "fsync", "none", "fdatasync"])
        if way == "none":
            return
        # An fdatasync() of bytes in place does not make the mtime durable nor
        # the mark, which is a moment behind if nobody is strict: hsm(7).
        if way == "fdatasync":
            time.sleep(0 if self.strict else 0.25)
            os.fdatasync(fd)
        else:
            os.fsync(fd)
        if self.is_synced():
            file.states = file.states[-1:]

    def is_synced(self):
        """
        Did the sync before this end before the power loss?  (One that is under
        way may be told that all is well: ext4's journal is aborted, and nobody
        has to wait for its transaction any more.)
        """
        if self.stop.is_set():
            return False
        self.count["syncs"] += 1
        return True

    def act_write(self, rng):
        """In place, at the end, shorter, from nothing; then perhaps a sync."""
        file = self.pick(rng)
        with file.lock:
            if file.gone is not False:
                return
            file.opened = True
            fd = os.open(self.path(file), os.O_RDWR)
            try:
                self.begin(file, fd)
                getattr(self, rng.choice(
                    ["write_in_place", "write_in_place", "write_end",
                     "write_shorter", "write_mapped", "write_old_time",
                     "write_new"]))(rng, file, fd)
                self.count["writes"] += 1
                self.sync(rng, file, fd)
            finally:
                os.close(fd)

    def write_in_place(self, rng, file, fd):
        now = file.now()
        at = rng.randrange(len(now) // BLOCK + 1) * BLOCK
        data = rng.randbytes(min(rng.choice([10, BLOCK, 5 * BLOCK]),
                                 max(1, len(now) - at)))
        file.later(now[:at] + data + now[at + len(data):])
        os.pwrite(fd, data, at)

    def write_old_time(self, rng, file, fd):
        """What cp -p and rsync -t do: the times are as before."""
        st = os.fstat(fd)
        self.write_in_place(rng, file, fd)
        os.utime(fd, ns=(st.st_atime_ns, st.st_mtime_ns))

    def write_end(self, rng, file, fd):
        now = file.now()
        data = rng.randbytes(rng.choice([10, BLOCK, 100000]))
        file.later(now + data)
        os.pwrite(fd, data, len(now))

    def write_shorter(self, rng, file, fd):
        now = file.now()
        size = rng.randrange(len(now) + 1)
        file.later(now[:size])
        os.ftruncate(fd, size)

    def write_mapped(self, rng, file, fd):
        now = file.now()
        if not now:
            return
        at = rng.randrange(len(now))
        data = rng.randbytes(min(100, len(now) - at))
        file.later(now[:at] + data + now[at + len(data):])
        with mmap.mmap(fd, len(now)) as view:
            view[at:at + len(data)] = data
            view.flush()

    def write_new(self, rng, file, fd):
        os.close(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY))
        data = rng.randbytes(rng.choice([0, 50, len(file.now()), 30000]))
        file.later(b"")
        os.ftruncate(fd, 0)
        file.later(data)
        os.pwrite(fd, data, 0)

    def act_truncate_open(self, rng):
        """O_TRUNC of whatever is there, without a look at it."""
        file = self.pick(rng)
        with file.lock:
            if file.gone is not False:
                return
            data = rng.randbytes(rng.choice([0, 50, 30000, len_of(file.name)]))
            file.base = None
            file.later(b"")
            file.later(data)
            fd = os.open(self.path(file), os.O_WRONLY | os.O_TRUNC)
            try:
                os.write(fd, data)
                self.count["writes"] += 1
                self.sync(rng, file, fd)
            finally:
                os.close(fd)

    def act_create(self, rng):
        name = f"new{self.count['creations']:04}"
        file = File(name, [])
        data = rng.randbytes(rng.choice([0, 10, 5000, 200000]))
        with file.lock:
            file.states = [b"", data]
            self.files.append(file)
            self.count["creations"] += 1
            fd = os.open(self.path(file), os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try:
                os.write(fd, data)
                if rng.random() < 0.7:
                    os.fsync(fd)
                    self.sync_dir()
                    if self.is_synced():
                        file.states = [data]
                        file.maybe_absent = False
            finally:
                os.close(fd)

    def sync_dir(self):
        fd = os.open(self.dir, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def act_rename(self, rng):
        file = self.pick(rng)
        with file.lock:
            if file.gone is not False:
                return
            new = f"{file.name}.r{rng.randrange(1 << 30)}"
            old = self.path(file)
            file.names.append(new)
            try:
                os.rename(old, os.path.join(self.dir, new))
            except OSError:
                file.names.reverse()
                raise
            self.count["renames"] += 1
            if rng.random() < 0.7:
                self.sync_dir()
                if self.is_synced():
                    file.names = [new]
                    file.maybe_absent = False

    def act_remove(self, rng):
        file = self.pick(rng)
        with file.lock:
            if file.gone is not False:
                return
            file.gone = "perhaps"
            os.unlink(self.path(file))
            self.count["removals"] += 1
            if rng.random() < 0.7:
                self.sync_dir()
                if self.is_synced():
                    file.gone = "synced"

    def act_evict(self, rng):
        file = self.pick(rng)
        self.command("hsm-evict", "-q", self.path(file))
        self.count["evictions"] += 1

    def act_evict_all(self, rng):
        self.command("hsm-evict", "-q", "-R", self.dir)
        self.count["evictions"] += 1

    def act_prefetch(self, rng):
        file = self.pick(rng, local=False)
        self.command("hsm-prefetch", "-q", self.path(file))
        self.count["prefetches"] += 1

    def act_list(self, rng):
        self.command("hsm-prefetch", "-q", "--tree", self.dir)
        self.count["refreshes"] += 1

    def act_change_remote(self, rng):
        """Another version there, of another size now and then."""
        file = self.pick(rng, local=False)
        with file.lock:
            if not file.versions:
                return
            size = rng.choice([0, len_of(file.name), len_of(file.name),
                               len_of(file.name) + 3000])
            number = len(file.versions) + 1
            file.versions.append(
                noise(f"{file.name}/{number}", size or len_of(file.name)))
            self.stale = True
            self.remote_write(file.name, number, size)
            path = self.path(file)
        self.command("hsm-mark", "-q", "--refresh", path)
        self.count["refreshes"] += 1

    def act_mark(self, rng):
        file = self.pick(rng)
        what = rng.choice(["--pin", "--unpin", "--hydrate=full",
                           "--hydrate=stream", "--hydrate=default"])
        self.command("hsm-mark", "-q", what, self.path(file))
        self.count["marks"] += 1

    def act_checkpoint(self, rng):
        if not os.path.exists(os.path.join(self.build, "hsm-checkpoint")):
            return
        done = self.command("hsm-checkpoint", self.dir)
        if done.returncode not in (0, 1) and not self.stop.is_set():
            self.problems.append(f"hsm-checkpoint: {done.stderr}")
        self.count["checkpoints"] += 1

    def load(self, seconds):
        """Everything at once, until the power goes."""
        self.stop.clear()
        reads = {self.act_read: 5, self.act_read_some: 5, self.act_prefetch: 1}
        writes = {self.act_write: 10, self.act_create: 2, self.act_rename: 1,
                  self.act_remove: 1, self.act_truncate_open: 2}
        others = {self.act_evict: 5, self.act_evict_all: 2, self.act_list: 1,
                  self.act_change_remote: 2, self.act_mark: 2,
                  self.act_checkpoint: 1}
        threads = [threading.Thread(target=self.worker, daemon=True,
                                    args=(self.random.random(), acts))
                   for acts in (reads, reads, writes, writes, others)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        flags = self.random.choice([NOLOGFLUSH] * 6 + [LOGFLUSH, DEFAULT])
        # From here on errors are expected; what succeeds counts.
        self.stop.set()
        self.shut_down(flags)
        return threads

    # --------------------------------------------------------------- the check

    def allowed(self, file, data):
        """Is `data` what the model allows?  None, or why not."""
        if not file.states:
            return None if data in file.versions else "no version of the remote"
        if data in file.versions and (file.states[0] is None or
                                      file.states[0] in file.versions):
            return None
        states = []
        for state in file.states:
            states += file.versions if state is None else [state]
        if not min(map(len, states)) <= len(data) <= max(map(len, states)):
            return f"size {len(data)}, not of {[len(s) for s in states]}"
        for at in range(0, len(data), BLOCK):
            block = data[at:at + BLOCK]
            if not any(fits(block, state[at:at + BLOCK]) for state in states):
                return (f"bytes at {at} are of no state ({len(states)} states, "
                        f"zeros: {block.count(0) == len(block)})")
        return None

    def read(self, file, path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError as error:
            # Half of an old version: the rest of it is nowhere any more.
            if error.errno != errno.EIO or len(file.versions) < 2 or \
                    "stale" not in self.state(path)[1]:
                raise
            self.count["partial"] += 1
            if file.written:
                # Its own changes were not synced, and are gone like the base.
                self.command("hsm-mark", "-q", "--clean", path)
            self.command("hsm-mark", "-q", "--refresh", path)
            with open(path, "rb") as f:
                return f.read()

    def find(self, file):
        """The path of the file; None: it is gone, and may be."""
        there = [name for name in file.names
                 if os.path.exists(os.path.join(self.dir, name))]
        # A listing that broke off lets a name come back, as a placeholder.
        if len(there) > 1 and file.versions:
            there.reverse()
        elif len(there) > 1:
            fail(f"{file.name} has two names: {there}")
        if not there:
            if file.gone is False and not file.maybe_absent:
                fail(f"{file.names} is lost")
            return None
        if file.gone == "synced" and not file.versions:
            fail(f"{there[0]} was removed, and is back")
        if file.gone == "synced":
            # Such a name is the remote's again, and nothing else.
            file.states, file.written = [], False
        return os.path.join(self.dir, there[0])

    def check_state(self, file, path, data):
        state = self.state(path)[0]
        if not file.versions:
            wanted = ("local",)
        elif not file.written:
            wanted = ("offline", "partial", "online")
        elif data in file.versions:
            # Unsynced writes that did not make it may have left the mark.
            wanted = ("offline", "partial", "online", "dirty")
        else:
            wanted = ("dirty",)
        if file.opened and file.versions and self.was_strict:
            wanted += ("dirty",)
        if state not in wanted:
            fail(f"{path}: is {state}, not {wanted}; {os.stat(path)}; "
                 + run("getfattr", "-d", "-m", "-", path).stdout)

    def check(self):
        """Every file, as it is found after the power loss."""
        found = []
        for file in self.files:
            path = self.find(file)
            if not path:
                continue
            data = self.read(file, path)
            wrong = self.allowed(file, data)
            if wrong and file.gone and data in file.versions:
                # Removed, and back by a listing: the remote's, nothing else.
                file.states, file.written, wrong = [], False, None
            if wrong:
                fail(f"{path}: {wrong}; {self.state(path)}")
            self.check_state(file, path, data)
            self.count["checked"] += 1
            found.append((file, path, data))
        self.command("hsm-mark", "-q", "-R", "--unpin", self.dir)
        self.command("hsm-evict", "-q", "-R", self.dir)
        for file, path, data in found:
            again = self.read(file, path)
            if again != data and (file.written or again not in file.versions):
                fail(f"{path}: lost by an eviction")
        return found + self.check_others(found)

    def check_others(self, found):
        """A removed or renamed name of the remote may be back: as new."""
        known = {os.path.basename(path) for _, path, _ in found}
        back = []
        for name in set(os.listdir(self.dir)) - known - {".hsm"}:
            if name not in self.origins:
                fail(f"nobody made {name}")
            file, path = File(name, self.origins[name]), self.join(name)
            data = self.read(file, path)
            if data not in file.versions:
                fail(f"{path} is back, and not the remote's")
            self.check_state(file, path, data)
            self.files.append(file)
            back.append((file, path, data))
        return back

    def join(self, name):
        return os.path.join(self.dir, name)

    def accept(self, found):
        """The next round begins with what was found in this one."""
        paths = {id(file): (path, data) for file, path, data in found}
        kept = []
        for file in self.files:
            if id(file) not in paths:
                continue
            path, data = paths[id(file)]
            file.names, file.gone = [os.path.basename(path)], False
            file.maybe_absent = file.opened = False
            # A removed file that came back is a placeholder of its own.
            file.written = file.written and data not in file.versions or \
                self.state(path)[0] == "dirty"
            file.states = [data] if file.written or not file.versions else []
            kept.append(file)
        self.files = kept
        # Nobody has synced what was unsynced and made it all the same.
        run("sync", "-f", self.dir)

    # -------------------------------------------------------------- the rounds

    def recover(self):
        self.mount()
        self.umount()
        self.fsck()
        self.mount()

    def round(self, number):
        threads = self.load(self.random.uniform(0.1, 1.5))
        self.end_server(kill=number % 3 == 2)
        for thread in threads:
            thread.join(30)
            if thread.is_alive():
                fail("a program hangs after the power loss")
        self.wait_for_end()
        self.umount()
        if self.problems:
            fail("; ".join(self.problems[:5]))
        self.recover()
        self.was_strict = self.strict
        self.serve(not self.strict)
        self.accept(self.check())

    def first_start(self):
        """The power goes while the store is made, or the remote listed."""
        with open(os.path.join(self.work, "log"), "ab") as log:
            server = subprocess.Popen(self.server_command(), stderr=log,
                                      stdin=subprocess.DEVNULL)
        time.sleep(self.random.uniform(0, 0.12))
        self.shut_down(self.random.choice([NOLOGFLUSH, LOGFLUSH]))
        with contextlib.suppress(ProcessLookupError):
            server.terminate()
        server.wait(30)
        self.wait_for_end()
        self.umount()
        self.recover()

    def end(self):
        self.end_server(False)
        self.wait_for_end()
        self.umount()
        self.fsck()


def len_of(name):
    digits = name.split("-")[1] if "-" in name else "1000"
    return int(digits.split(".")[0])


def fits(block, state):
    """A block of a state; what an unsynced growth has not written is zero."""
    return block == state[:len(block)] and len(state) >= len(block) or \
        (len(state) < len(block) and block[:len(state)] == state and
         not any(block[len(state):]))


def main():
    fs, image, work, url, tree, rounds, seed = sys.argv[1:8]
    world = World(fs, image, work, url, tree, seed)
    world.remote_make()
    world.mkfs()
    world.mount()
    rounds = int(rounds)
    starts = rounds // 5
    os.makedirs(world.dir)
    try:
        for number in range(starts):
            world.first_start()
            os.makedirs(world.dir, exist_ok=True)
        world.serve(False)
        for number in range(rounds - starts):
            world.round(number)
        world.end()
    except AssertionError as error:
        print(f"seed {seed}, after {world.count['losses']} losses: {error}",
              file=sys.stderr)
        if os.environ.get("KEEP"):
            raise
        sys.exit(1)
    finally:
        for pid in world.pids():
            os.kill(pid, signal.SIGKILL)
        run("umount", "-R", "-l", world.mnt, check=False)
    print(", ".join(f"{value} {key}" for key, value in world.count.items()))


if __name__ == "__main__":
    main()
