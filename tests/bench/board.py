# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured, and the tables that are made of it."""

import statistics
from dataclasses import dataclass

from systems import PEERS
from world import MIB

MEMORY_AIM = 64 * MIB


@dataclass
class Sample:
    seconds: float
    ratio: float | None = None  # plain / this, of a warm row
    cpu: float | None = None
    peak: int | None = None
    requests: int | None = None
    bytes: int | None = None


def short(value):
    if value < 0.01:
        return f"{value:.4f}"
    if value < 1:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def table(head, lines):
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *lines]) + "\n"


class Board:
    peers = PEERS

    def __init__(self, systems):
        self.systems = systems
        self.samples = {}
        self.failures = {}

    def add(self, key, system, sample):
        self.samples.setdefault((key, system), []).append(sample)

    def fail(self, key, system, word):
        self.failures[key, system] = word

    def failed(self, key, system):
        return (key, system) in self.failures

    def middle(self, key, system, name):
        values = [getattr(sample, name) for sample in self.samples.get((key, system), [])]
        values = [value for value in values if value is not None]
        return statistics.median(values) if values else None

    def median(self, key, system):
        return self.middle(key, system, "seconds")

    def ratio(self, key, system):
        return self.middle(key, system, "ratio")

    def cell(self, row, system):
        seconds, ratio = self.median(row.key, system), self.ratio(row.key, system)
        if self.failed(row.key, system):
            return self.failures[row.key, system]
        if seconds is None:
            return "–"
        return short(seconds) + (f" ({ratio:.3f})" if ratio else "")

    def verdict(self, row):
        """[aim, ratio to what the aim names, reached]"""
        if not row.aim:
            return ["", ""]
        words, reached = row.aim(self, row)
        if reached is None:
            return [words, "?"]
        return [words, "yes" if reached else "**no**"]

    def against(self, row):
        """How much faster hsm is than each of the others."""
        ours = self.median(row.key, "hsm")
        theirs = {name: self.median(row.key, name) for name in self.systems
                  if name not in ("hsm", "plain")}
        return ", ".join(f"{name} {theirs[name] / ours:.2f}" for name in theirs
                         if ours and theirs[name])

    def times(self, scenarios):
        head = ["seconds", *self.systems, "their time / hsm's", "aim for hsm", "reached"]
        lines = [[row.title + (" †" if scenario.far else ""),
                  *[self.cell(row, system) for system in self.systems],
                  self.against(row), *self.verdict(row)]
                 for scenario in scenarios for row in scenario.rows]
        return table(head, lines)

    def cost(self, row, system):
        cpu, peak = [self.middle(row.key, system, name) for name in ("cpu", "peak")]
        return "–" if cpu is None else f"{cpu:.2f} s, {peak / MIB:.0f} MiB"

    def traffic(self, row, system):
        requests, sent = [self.middle(row.key, system, name) for name in ("requests", "bytes")]
        return "–" if requests is None else f"{requests:.0f}, {sent / 1e6:.1f} MB"

    def costs(self, scenarios):
        """CPU and traffic of a row are those since the row before, or the start."""
        servers = [name for name in ["hsm", *PEERS] if name in self.systems]
        head = ["row", *[f"{name}: CPU, peak" for name in servers],
                *[f"{name}: requests, sent" for name in servers]]
        lines = [[row.title + (" †" if scenario.far else ""),
                  *[self.cost(row, system) for system in servers],
                  *[self.traffic(row, system) for system in servers]]
                 for scenario in scenarios for row in scenario.rows]
        return table(head, lines)

    def memory(self):
        peaks = [sample.peak for (_, system), samples in self.samples.items()
                 for sample in samples if system == "hsm" and sample.peak]
        if not peaks:
            return ""
        reached = "yes" if max(peaks) < MEMORY_AIM else "**no**"
        return (f"Largest memory of hsm in any row: {max(peaks) / MIB:.0f} MiB "
                f"(aim: below 64 MiB, reached: {reached}).\n")
