# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a file of a served tree `dirty` exactly when the journal says that its content changed?

    dirty.py act DIR SEED CHANGES content|names    change, read, evict and rename files at random
    dirty.py compare DIR ID                        by hsm-mark, and by hsm-checkpoint --since ID
    dirty.py clean DIR                             hsm-mark --clean of what is dirty, or rm
"""

import ctypes
import json
import mmap
import os
import random
import subprocess
import sys
import time
from pathlib import Path

PUNCH = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
WAIT_S = 20

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def run(*words, check=True):
    return subprocess.run(words, check=check, stdout=subprocess.PIPE, text=True).stdout


def states(directory):
    lines = run("hsm-mark", "-R", directory).splitlines()
    found = {}
    for line in lines:
        state, _, _, _, path = line.split("\t")
        found[os.path.relpath(path, directory)] = state
    return found


def write(path, rng):
    with open(path, "r+b") as file:
        file.seek(rng.randrange(os.path.getsize(path) + 1))
        file.write(rng.randbytes(rng.randrange(1, 9000)))


def append(path, rng):
    with open(path, "ab") as file:
        file.write(rng.randbytes(100))


def store(path, _):
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as there:
        there[0:1] = bytes([there[0] ^ 1])


def same(path, _):
    with open(path, "r+b") as file:
        start = file.read(10)
        file.seek(0)
        file.write(start)


def shrink(path, rng):
    os.truncate(path, rng.randrange(1, os.path.getsize(path)))


def empty(path, _):
    os.truncate(path, 0)


def grow(path, rng):
    os.truncate(path, os.path.getsize(path) + rng.randrange(1, 10000))


def punch(path, _):
    Path(path).read_bytes()  # whole, and known to be
    with open(path, "r+b") as file:
        if libc.fallocate(file.fileno(), PUNCH, 0, 4096) < 0:
            raise OSError(ctypes.get_errno(), "punch")


def touch(path, rng):
    # The modification time alone, of a whole file; both times are attributes (hsm(7)).
    Path(path).read_bytes()
    run("touch", "-m", "-d", f"@{rng.randrange(1, 1000000000)}", path)


def read(path, _):
    Path(path).read_bytes()


def mode(path, rng):
    os.chmod(path, rng.choice((0o600, 0o640, 0o644)))


def evict(path, _):
    run("hsm-evict", "-q", path, check=False)


def prefetch(path, _):
    run("hsm-prefetch", "-q", path, check=False)


def rename(path, rng):
    os.rename(path, f"{path}.{rng.randrange(1 << 40)}")


def create(path, rng):
    Path(f"{path}.{rng.randrange(1 << 40)}").write_bytes(b"new")


CONTENT = (write, append, store, same, shrink, empty, grow, punch, touch)
LEAVES = (read, read, mode, evict, evict, prefetch)
NAMES = (rename, rename, create)


def act(directory, seed, changes, what):
    rng = random.Random(seed)
    acts = CONTENT + 2 * LEAVES + (NAMES if what == "names" else ())
    for _ in range(changes):
        names = sorted(name for name in os.listdir(directory)
                       if os.path.getsize(os.path.join(directory, name)) > 1)
        # Half of them stay as they are.
        chosen = [name for name in names if sum(name.split(".")[0].encode()) % 2]
        act_once = rng.choice(acts)
        if act_once is rename:
            # Whoever reads lists one after the other knows a name between two renames.
            names = [name for name in names if "." not in name]
        among = chosen if act_once in CONTENT else names
        if not among:
            continue
        name = rng.choice(among)
        print(act_once.__name__, name)
        act_once(os.path.join(directory, name), rng)


def told(directory, since):
    found = set()
    for line in run("hsm-checkpoint", "--json", "--since", since, directory).splitlines():
        record = json.loads(line)
        if record["op"] == "rescan":
            raise SystemExit(f"dirty: {line}")
        if record["op"] in ("create", "modify"):
            found.add(record["path"])
    return {name for name in found if os.path.isfile(os.path.join(directory, name))}


def differences(directory, since):
    marks = states(directory)
    changed = told(directory, since)
    dirty = {name for name, state in marks.items() if state == "dirty"}
    local = {name for name, state in marks.items() if state == "local"}
    return len(dirty), len(local), len(marks), sorted(dirty - changed), sorted(changed - dirty - local)


def compare(directory, since):
    """A mark is set some milliseconds after the change."""
    end = time.monotonic() + WAIT_S
    while True:
        dirty, local, count, untold, unmarked = differences(directory, since)
        if not untold and not unmarked:
            print(f"dirty {dirty} local {local} of {count}")
            return 0
        if time.monotonic() > end:
            print(f"dirty, and not told: {untold}; told, and not dirty: {unmarked}")
            return 1
        time.sleep(0.2)


def clean(directory):
    for name, state in states(directory).items():
        if state == "dirty":
            path = os.path.join(directory, name)
            if subprocess.call(["hsm-mark", "-q", "--clean", path]):
                os.unlink(path)  # another size: it cannot be the remote's


def main():
    what, directory = sys.argv[1:3]
    if what == "act":
        return act(directory, int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    if what == "compare":
        return compare(directory, sys.argv[3])
    return clean(directory)


if __name__ == "__main__":
    sys.exit(main())
