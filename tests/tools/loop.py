# SPDX-License-Identifier: GPL-2.0-or-later
"""Attach a loop device as no known program does: loop.py configure|set-fd FILE

Prints the device.  The file is opened for writing, as losetup does.
"""
import fcntl
import os
import struct
import sys

LOOP_SET_FD, LOOP_CONFIGURE, LOOP_CTL_GET_FREE = 0x4C00, 0x4C0A, 0x4C82


def main():
    how, path = sys.argv[1:]
    control = os.open("/dev/loop-control", os.O_RDWR)
    file = os.open(path, os.O_RDWR)
    device = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
    loop = os.open(device, os.O_RDWR)
    if how == "set-fd":
        fcntl.ioctl(loop, LOOP_SET_FD, file)
    else:  # struct loop_config: fd, block_size, loop_info64, reserved
        fcntl.ioctl(loop, LOOP_CONFIGURE, struct.pack("II296x", file, 0))
    print(device)


main()
