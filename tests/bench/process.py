# SPDX-License-Identifier: GPL-2.0-or-later
"""Run commands under a time limit; ask /proc what servers cost."""

import os
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Unfinished(Exception):
    """The command did not end within its limit."""


class Wrong(Exception):
    """The command failed, or what it read was not right."""


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def start(argv, **more):
    return subprocess.Popen(
        [str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True, **more)


def finish(process, deadline):
    """The output of `process`.  A reader that hangs is killed, not waited for:
    it may sleep in a file system until its server is gone."""
    try:
        out, errors = process.communicate(timeout=max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        kill_group(process)
        raise Unfinished(" ".join(process.args[:3])) from None
    if process.returncode:
        raise Wrong(f"{' '.join(process.args[:3])}: {errors.strip()[-300:]}")
    return out


def run(argv, timeout):
    """(wall seconds, output) of a command."""
    began = time.monotonic()
    out = finish(start(argv), began + timeout)
    return time.monotonic() - began, out


def tree(root):
    """`root` and all its descendants."""
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = stat(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(pid))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def stat(pid):
    """The fields of /proc/PID/stat from the third (state) on."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def cpu_seconds(root):
    fields = filter(None, map(stat, tree(root)))
    return sum(sum(map(int, row[11:15])) for row in fields) / TICKS


def reset_peak(root):
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        except OSError:
            pass


def peak_bytes(root):
    total = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file
                             if line.startswith("VmHWM:"))
        except OSError:
            pass
    return total


def settle(root, limit=10):
    """Wait until a server has nothing to do any more."""
    deadline = time.monotonic() + limit
    before = -1
    while before != (now := cpu_seconds(root)) and time.monotonic() < deadline:
        before = now
        time.sleep(0.2)
