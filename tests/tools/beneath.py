#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Open PATH below DIR with openat2(RESOLVE_BENEATH): beneath.py DIR PATH"""
import ctypes
import os
import struct
import sys

SYS_OPENAT2, RESOLVE_BENEATH = 437, 8
libc = ctypes.CDLL(None, use_errno=True)
how = struct.pack("QQQ", os.O_RDONLY, 0, RESOLVE_BENEATH)
fd = libc.syscall(SYS_OPENAT2, os.open(sys.argv[1], os.O_PATH),
                  os.fsencode(sys.argv[2]), how, len(how))
if fd < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
