# SPDX-License-Identifier: GPL-2.0-or-later
"""Attach a loop device as no known program does: loop.py configure|set-fd FILE

Prints the device.  The file is opened for writing, as losetup does.
"""
import errno
import fcntl
import os
import struct
import sys

LOOP_SET_FD, LOOP_CONFIGURE, LOOP_CTL_GET_FREE = 0x4C00, 0x4C0A, 0x4C82


def attach(how, control, file):
    device = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
    loop = os.open(device, os.O_RDWR)
    if how == "set-fd":
        fcntl.ioctl(loop, LOOP_SET_FD, file)
    else:  # struct loop_config: fd, block_size, loop_info64, reserved
        fcntl.ioctl(loop, LOOP_CONFIGURE, struct.pack("II296x", file, 0))
    return device


def main():
    how, path = sys.argv[1:]
    control = os.open("/dev/loop-control", os.O_RDWR)
    file = os.open(path, os.O_RDWR)
    for _ in range(20):
        try:
            print(attach(how, control, file))
            return
        except OSError as error:
            # Somebody else was given the same free device.
            if error.errno != errno.EBUSY:
                raise
    raise SystemExit("loop.py: no device stays free")


main()
