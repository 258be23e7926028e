# SPDX-License-Identifier: GPL-2.0-or-later
"""Fill the mount table of this namespace: fill-mounts.py DIR ROOM

Mounts in DIR, an empty directory, until there is room for ROOM more and no
others.  One umount -l of DIR takes all of them away."""
import ctypes
import os
import sys

TOP, ROOM = sys.argv[1], int(sys.argv[2])
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 1 << 18
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, flags):
    if LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, None):
        raise OSError(ctypes.get_errno(), "mount", target)


def limit():
    with open("/proc/sys/fs/mount-max", encoding="ascii") as file:
        return int(file.read())


def count():
    with open("/proc/self/mountinfo", "rb") as file:
        return sum(1 for _ in file)


mount("none", TOP, "tmpfs", 0)
mount("none", TOP, "none", PRIVATE)
left = limit() - count() - ROOM
# Trees of 1, 2, 4, ... mounts; each is made of two copies of the one before.
sizes = []
size = 1
while left >= size:
    at = f"{TOP}/{len(sizes)}"
    os.mkdir(at)
    if sizes:
        mount(f"{TOP}/{len(sizes) - 1}", at, "none", BIND | RECURSIVE)
        mount(f"{TOP}/{len(sizes) - 1}", f"{at}/twin", "none", BIND | RECURSIVE)
    else:
        mount("none", at, "tmpfs", 0)
        os.mkdir(f"{at}/twin")
    left -= size
    sizes.append(size)
    size *= 2
while left:
    tree = max(number for number, size in enumerate(sizes) if size <= left)
    at = f"{TOP}/rest{left}"
    os.mkdir(at)
    mount(f"{TOP}/{tree}", at, "none", BIND | RECURSIVE)
    left -= sizes[tree]
