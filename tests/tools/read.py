# SPDX-License-Identifier: GPL-2.0-or-later
"""Copy a file in one of the ways that programs do: read.py HOW SOURCE TARGET"""
import mmap
import os
import shutil
import sys

PART = 1 << 20


def by_mmap(source, target):
    size = os.fstat(source).st_size
    if size:
        with mmap.mmap(source, size, prot=mmap.PROT_READ) as view:
            os.truncate(target, size)
            for at in range(0, size, PART):
                os.pwrite(target, view[at:at + PART], at)


def by_sendfile(source, target):
    while os.sendfile(target, source, None, PART):
        pass


def by_splice(source, target):
    out, into = os.pipe()
    while count := os.splice(source, into, 65536):
        while count:
            count -= os.splice(out, target, count)


def by_copy_file_range(source, target):
    while os.copy_file_range(source, target, PART):
        pass


def main():
    how, source, target = sys.argv[1:]
    if how == "copyfile":
        shutil.copyfile(source, target)
        return
    source = os.open(source, os.O_RDONLY)
    target = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    globals()["by_" + how](source, target)


main()
