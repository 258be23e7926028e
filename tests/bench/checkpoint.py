# SPDX-License-Identifier: GPL-2.0-or-later
"""What hsm-checkpoint costs, side by side with what people do without it.
tests/bench/run checkpoint starts this."""

import contextlib
import datetime
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import process
import world

HERE = Path(__file__).resolve().parent
QUICK = os.environ.get("QUICK", "") not in ("", "0")
ROUNDS = int(os.environ.get("RUNS") or (1 if QUICK else 3))
BUILD = Path(os.environ.get("BUILD") or "build").resolve()
CHECKPOINT = BUILD / "hsm-checkpoint"
SIZES = [1000, 10_000] if QUICK else [1000, 10_000, 100_000, 1_000_000]
RESTIC_SIZES = SIZES[:3]
CHANGES = [0, 1, 100, 10_000] if QUICK else [0, 1, 100, 10_000, 100_000]
CHANGED = 60  # of a tree that grows
TAR_FILES = 2000 if QUICK else 20_000
SOURCES = 20 if QUICK else 120
FIO_SECONDS = 2 if QUICK else 8
IDLE_SECONDS = 3 if QUICK else 30
PER_DIR = 100


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(argv, good=(0,), **more):
    done = subprocess.run([str(arg) for arg in argv], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, **more)
    if done.returncode not in good:
        raise SystemExit(f"bench: {argv[0]}: {done.stderr.decode(errors='replace')[-300:]}")


def timed(argv, good=(0,), **more):
    began = time.monotonic()
    run(argv, good, **more)
    return time.monotonic() - began


def text_of(argv):
    return subprocess.run([str(arg) for arg in argv], capture_output=True, text=True,
                          check=False).stdout


def short(seconds):
    if seconds is None:
        return "–"
    return f"{seconds:.3f}" if seconds < 10 else f"{seconds:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " --: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


# ---------------------------------------------------------------- trackers --

@contextlib.contextmanager
def background(argv, ready):
    """A program that watches; `ready` waits until it does and takes its stderr."""
    watcher = subprocess.Popen([str(arg) for arg in argv], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)
    try:
        for line in watcher.stderr:
            if ready in line:
                break
        else:
            raise SystemExit(f"bench: {argv[0]} does not start")
        yield watcher.pid
    finally:
        watcher.terminate()
        watcher.stderr.close()
        watcher.wait(60)


def tracked(directory, *options):
    return background([CHECKPOINT, "--watch", *options, directory], "tracking")


def checkpoint(directory, good=(0,)):
    return timed([CHECKPOINT, "-0", directory], good)


WATCHERS = {
    "untracked": lambda directory: contextlib.nullcontext(0),
    "hsm": tracked,
    "hsm --strict": lambda directory: tracked(directory, "--strict"),
    "inotifywait -r -m": lambda directory: background(
        ["inotifywait", "-r", "-m", directory], "Watches established"),
    "fsnotifywait --filesystem": lambda directory: background(
        ["fsnotifywait", "--filesystem", "-m", directory], "Watches established"),
}


# -------------------------------------------------------------------- trees --

def make_tree(top, count):
    """`count` files of 10 bytes, PER_DIR in a directory, 100 directories in another."""
    made = 0
    while made < count:
        where = top / f"a{made // (PER_DIR * 100)}" / f"d{made // PER_DIR % 100}"
        where.mkdir(parents=True)
        for number in range(min(PER_DIR, count - made)):
            file = os.open(where / f"f{number}", os.O_CREAT | os.O_WRONLY, 0o644)
            os.write(file, b"0123456789")
            os.close(file)
        made += PER_DIR
    run(["find", top, "-exec", "touch", "-hd@1700000000", "{}", "+"])


def path_of(top, number):
    return top / f"a{number // (PER_DIR * 100)}" / f"d{number // PER_DIR % 100}" / f"f{number % PER_DIR}"


def change(top, count, size):
    for number in range(count):
        with open(path_of(top, number * size // count), "ab") as file:
            file.write(b"x")


@contextlib.contextmanager
def disk(base, name, files):
    """A fresh ext4 with room for so many files."""
    image = base / f"{name}.img"
    with open(image, "wb") as file:
        file.truncate(24 << 30)
    try:
        world.command("mkfs.ext4", "-q", "-F", "-N", str(files * 21 // 20 + 50_000),
                      "-E", "lazy_itable_init=0,nodiscard", image)
        with world.mounted(base / name, "-o", "loop", image) as where:
            yield where
    finally:
        image.unlink()


def cold_and_warm(work):
    world.drop_caches()
    return [work(), statistics.median(work() for _ in range(3))]


# --------------------------------------------------------------------- rows --

def by_size(base):
    """The time of a list of CHANGED changes against the size of the tree."""
    rows = []
    for size in SIZES:
        say(f"tree of {size} files")
        with disk(base, "sizes", 2 * size) as where:
            top, copy = where / "tree", where / "copy"
            for tree in (top, copy):
                tree.mkdir()
                make_tree(tree, size)
            with tracked(top):
                checkpoint(top, (1,))
                rows.append([size, *measure_size(base, top, copy, size)])
    return table(["seconds, files in the tree", "hsm-checkpoint cold", "warm",
                  "find -cnewer cold", "warm", "rsync -n cold", "warm", "restic cold", "warm"],
                 [[f"{size:,}", *map(short, times)] for size, *times in rows])


def measure_size(base, top, copy, size):
    stamp = base / "stamp"
    times = []

    def ours():
        change(top, CHANGED, size)
        time.sleep(0.1)
        return checkpoint(top)

    times += cold_and_warm(ours)
    stamp.touch()
    change(top, CHANGED, size)
    times += cold_and_warm(lambda: timed(["find", top, "-cnewer", stamp]))
    times += cold_and_warm(lambda: timed(
        ["rsync", "-an", "--delete", "--exclude", "/.hsm", f"{top}/", f"{copy}/"]))
    if size not in RESTIC_SIZES or not shutil.which("restic"):
        return [*times, None, None]
    environ = dict(os.environ, RESTIC_PASSWORD="x", RESTIC_REPOSITORY=str(base / "restic"),
                   RESTIC_CACHE_DIR=str(base / "restic-cache"))
    backup = ["restic", "-q", "backup", "--exclude", ".hsm", top]
    run(["restic", "-q", "init"], env=environ)
    run(backup, env=environ)
    times += cold_and_warm(lambda: timed(backup, env=environ))
    shutil.rmtree(base / "restic")
    shutil.rmtree(base / "restic-cache")
    return times


def by_changes(base):
    """The time of a list against the number of changes in it."""
    size = max(CHANGES)
    rows = []
    with disk(base, "changes", size) as where:
        top = where / "tree"
        top.mkdir()
        make_tree(top, size)
        with tracked(top) as pid:
            checkpoint(top, (1,))
            for count in CHANGES:
                say(f"{count} changes")
                times = []
                for _ in range(3):
                    change(top, count, size)
                    process.settle(pid)
                    times.append(checkpoint(top))
                memory = process.peak_bytes(pid) / world.MIB
                rows.append([f"{count:,}", short(statistics.median(times)), f"{memory:.1f} MiB"])
    return table([f"changes in a tree of {size:,}", "seconds", "most memory of the tracker so far"], rows)


# ------------------------------------------------------------------ writers --

def make_sources(base):
    """An archive of TAR_FILES files, and SOURCES files of C that take a while."""
    tree = base / "archive"
    tree.mkdir()
    make_tree(tree, TAR_FILES)
    run(["tar", "-cf", base / "archive.tar", "-C", tree, "."])
    shutil.rmtree(tree)
    sources = base / "sources"
    (sources / "include").mkdir(parents=True)
    for number in range(40):
        (sources / "include" / f"h{number}.h").write_text("".join(
            f"struct s{number}_{i} {{ int a[{i + 1}]; struct s{number}_{i} *next; }};\n"
            f"static inline int f{number}_{i}(struct s{number}_{i} *p) {{ return p->a[{i}]; }}\n"
            for i in range(60)))
    for number in range(SOURCES):
        where = sources / f"part{number % 12}"
        where.mkdir(exist_ok=True)
        (where / f"c{number}.c").write_text("".join(
            f'#include "h{i}.h"\n' for i in range(40)) + "".join(
            f"int c{number}_{i}(struct s{i % 40}_{i % 60} *p) {{ return f{i % 40}_{i % 60}(p); }}\n"
            for i in range(100)))
    (sources / "Makefile").write_text(
        "objs := $(patsubst %.c,%.o,$(wildcard part*/*.c))\n"
        "all: all.a\nall.a: $(objs)\n\tar rcs $@ $^\n"
        "%.o: %.c\n\t$(CC) -O1 -MMD -Iinclude -c -o $@ $<\n")


def untar(base, top):
    return timed(["tar", "-xf", base / "archive.tar", "-C", top])


def make(base, top):
    shutil.copytree(base / "sources", top / "sources")
    return timed(["make", "-s", "-j2", "-C", top / "sources"])


def fio(_base, top):
    """Seconds for 100,000 writes."""
    out = text_of(["fio", "--name=w", f"--directory={top}", "--rw=randwrite", "--bs=4k",
                   "--size=64m", "--ioengine=psync", "--time_based",
                   f"--runtime={FIO_SECONDS}", "--minimal"])
    rate = float(out.splitlines()[-1].split(";")[48])
    return 100_000 / rate


WORK = {f"tar x of {TAR_FILES:,} files": untar, f"make -j2 of {SOURCES} files": make,
        "fio: 100,000 random writes of 4 KiB": fio}


def writers(base):
    """How much slower do writers become?  In turns, so that all see the same machine."""
    make_sources(base)
    watchers = {name: watch for name, watch in WATCHERS.items()
                if name.startswith(("untracked", "hsm")) or shutil.which(name.split()[0])}
    rows = []
    for title, work in WORK.items():
        if work is fio and not shutil.which("fio"):
            continue
        times = {name: [] for name in watchers}
        for turn in range(ROUNDS + 1):
            for name, watch in watchers.items():
                say(f"{title}: {name}, round {turn} of {ROUNDS}")
                times[name].append(work_once(base, watch, work))
        # The first round warms up.
        middle = {name: statistics.median(took[1:] or took) for name, took in times.items()}
        rows.append([title, *[f"{short(middle[name])} ({middle[name] / middle['untracked']:.3f})"
                              for name in watchers]])
    return table(["seconds (divided by untracked)", *watchers], rows)


def work_once(base, watch, work):
    with disk(base, "writers", TAR_FILES) as where:
        top = where / "tree"
        top.mkdir()
        with watch(top):
            os.sync()
            return work(base, top)


def idle(base):
    """Memory of a tracker that waits, and after changes; CPU while nothing changes."""
    size = SIZES[-2]
    rows = []
    for name, watch in WATCHERS.items():
        if name in ("untracked", "hsm --strict") or (name != "hsm" and not shutil.which(name.split()[0])):
            continue
        say(f"idle: {name}")
        with disk(base, "idle", size) as where:
            top = where / "tree"
            top.mkdir()
            make_tree(top, size)
            kernel = slab()
            began = time.monotonic()
            with watch(top) as pid:
                start = time.monotonic() - began
                kernel = slab() - kernel
                if name == "hsm":
                    checkpoint(top, (1,))
                process.settle(pid)
                before, cpu = resident(pid), process.cpu_seconds(pid)
                time.sleep(IDLE_SECONDS)
                cpu = process.cpu_seconds(pid) - cpu
                change(top, size, size)
                process.settle(pid)
                after = resident(pid)
        rows.append([name, f"{start:.2f} s", f"{before / 1024:.1f} MiB", f"{max(kernel, 0) / 1024:.1f} MiB",
                     f"{cpu:.2f} s", f"{(after - before) * 1024 / size:.0f} bytes"])
    return table([f"{size:,} files, {size // PER_DIR:,} directories", "start", "memory",
                  "kernel memory", f"CPU in {IDLE_SECONDS} s idle", "more for each change"], rows)


def slab():
    """KiB of the kernel that it would not give back for the asking."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("SUnreclaim"))


def resident(pid):
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


PARTS = [("A list of 60 changes, by the size of the tree", by_size),
         ("A list, by the number of changes", by_changes),
         ("Writers while somebody watches", writers),
         ("Somebody who watches and waits", idle)]


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def main():
    world.begin()
    if not CHECKPOINT.exists():
        raise SystemExit(f"bench: {CHECKPOINT} is not there: run make first")
    text = f"""<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
# What hsm-checkpoint costs

`make bench`, {datetime.date.today()}, {machine()}; ext4 on a loop
image. The directory is tracked and is not a file system of its own. Cold: page and inode caches
were dropped. Medians of {ROUNDS} rounds for the writers.
"""
    wanted = os.environ.get("PARTS", "").split(",") if os.environ.get("PARTS") else None
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(world.scratch())
        for title, part in PARTS:
            if not wanted or part.__name__ in wanted:
                text += f"\n## {title}\n\n{part(base)}"
    print(text)
    results = os.environ.get("RESULTS") or ("" if QUICK or wanted else HERE / "CHECKPOINT.md")
    if results:
        Path(results).write_text(text, encoding="utf-8")


main()
