# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of the table: what is measured, in which order, and the aims."""

from dataclasses import dataclass, replace
from typing import Callable

from world import MIB

# A row's work takes the session and returns seconds, or None where there is
# nothing to measure.  An aim takes the board and the row and returns its words
# and whether it is reached, None where something is missing.


@dataclass
class Size:
    """How large the work is."""

    big: int = 1024 * MIB
    one_of_four: int = 256 * MIB
    files: int = 20000
    folders: int = 200
    random: int = 2000
    warm_random: int = 100_000
    warm_touch: int = 200_000
    far_big: int = 256 * MIB
    far_files: int = 2000
    far_folders: int = 20


QUICK = Size(big=256 * MIB, one_of_four=64 * MIB, files=2000, folders=20, random=500,
             far_big=64 * MIB, far_files=400, far_folders=4)

FIRST = [f"first{number}" for number in range(10)]
FOUR = [f"four{number}" for number in range(4)]


@dataclass
class Row:
    key: str
    title: str
    work: Callable
    aim: Callable | None = None
    warm: bool = False  # measured in turns with plain ext4, several times
    drop: bool = False  # the page cache is dropped before each time


@dataclass
class Scenario:
    """Rows that one session runs, one after the other."""

    name: str
    folder: str
    systems: list
    rows: list
    far: bool = False  # through the proxy


def as_plain(board, row):
    ratio = board.ratio(row.key, "hsm")
    return "≥ 0.98 of plain", ratio and ratio >= 0.98


def within(factor, other, words):
    def judge(board, row):
        ours, theirs = board.median(row.key, "hsm"), board.median(row.key, other)
        return words, ours and theirs and ours <= factor * theirs
    return judge


def before_peers(board, row):
    ours = board.median(row.key, "hsm")
    theirs = [board.median(row.key, peer) for peer in board.peers]
    fastest = min(filter(None, theirs), default=None)
    return "before every peer", ours and fastest and ours < fastest


def mib(size):
    return f"{size // MIB} MiB"


def count(number):
    return f"{number:,}"


FAST_CURL = within(1 / 0.9, "curl", "≥ 0.9 of curl")
FIRST_CURL = within(1.5, "curl", "≤ 1.5 × curl")


def first(size):
    """The aim is about commands; the second row is without their start and end."""
    title = f"first 4 KiB of a cold file of {mib(size.big)}"
    return [
        Row("first", f"{title}: one command", lambda s: s.first_command(FIRST[:5]), FIRST_CURL),
        Row("first-open", f"{title}: from `open`", lambda s: s.first(FIRST[5:])),
    ]


def sequential(size, name):
    return Row("seq", f"cold sequential {mib(size)}", lambda s: s.sequential(name), FAST_CURL)


def random(size):
    return Row("random", f"cold {count(size.random)} random 4 KiB reads",
               lambda s: s.random("random", size.random), before_peers)


def four(size):
    return [Row("four", f"4 cold files of {mib(size.one_of_four)} in parallel",
                lambda s: s.parallel(FOUR))]


def tree(files, tar_aim):
    return [
        Row("served", f"time until served, {count(files)} files",
            lambda s: s.served, before_peers),
        Row("find", "cold `find`", lambda s: s.find(files), before_peers),
        Row("begin", "until served and cold `find`", lambda s: s.begin(), before_peers),
        Row("tar", f"cold `tar` of {count(files)} files of 4 KiB",
            lambda s: s.tar(files), tar_aim),
    ]


def warm_big(size):
    return [
        Row("warm-seq", f"warm sequential {mib(size.big)}, page cache",
            lambda s: s.sequential("seq"), as_plain, warm=True),
        Row("warm-random", f"warm {count(size.warm_random)} random 4 KiB reads",
            lambda s: s.random("seq", size.warm_random), as_plain, warm=True),
        Row("warm-mmap", f"warm {count(size.warm_touch)} random mmap touches",
            lambda s: s.touch("seq", size.warm_touch), as_plain, warm=True),
        Row("warm-disk", f"warm sequential {mib(size.big)}, page cache dropped",
            lambda s: s.sequential("seq"), as_plain, warm=True, drop=True),
    ]


def warm_tree(size):
    return [
        Row("warm-tar", "warm `tar`", lambda s: s.tar(size.files), as_plain, warm=True),
        Row("warm-find", "warm `find`", lambda s: s.find(size.files), as_plain, warm=True),
    ]


def scenarios(size):
    served = ["hsm", "httpdirfs", "rclone"]
    curls = ["curl", "curl-8"]
    near = [
        Scenario("big", "big", ["plain", "curl"] + served, [
            *first(size), sequential(size.big, "seq"), *warm_big(size), random(size)]),
        Scenario("four", "four", ["curl-8"] + served, four(size)),
        Scenario("tree", "tree", ["plain"] + curls + served,
                 tree(size.files, within(1.5, "curl", "≤ 1.5 × curl")) + warm_tree(size)),
    ]
    far = [
        Scenario("far-big", "big", ["curl"] + served, [
            *first(size), sequential(size.far_big, "far")]),
        Scenario("far-random", "big", served, [random(size)]),
        Scenario("far-four", "four", ["curl-8"] + served, four(size)),
        Scenario("far-tree", "fartree", curls + served,
                 tree(size.far_files, within(2, "curl-8", "≤ 2 × curl-8"))),
    ]
    for scenario in far:
        scenario.far = True
        scenario.rows = [replace(row, key=f"far-{row.key}") for row in scenario.rows]
    return near + far
