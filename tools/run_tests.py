#!/usr/bin/env python3
"""Runs the tiers of ./dev test and closes with the line `N passed, N failed`.

A tier that has nothing to run is skipped by name; with --strict or CI=true that is a failure.
Logs are kept in build/logs/TIER.log. Whatever a tier starts is ended with it.
"""

import argparse
import difflib
import os
import pathlib
import re
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from tiers import builds, counts, processes, table  # noqa: E402
from tiers.counts import Count  # noqa: E402

LOGS = builds.ROOT / "build/logs"
RECAP_LINES = 30  # of each failure, at the end of the run, where one looks first
RECAP_FAILURES = 12
NOISE = re.compile(r"^(\[\d+/\d+\]|ninja: |\$ |(ccache )?(clang|g)\+\+)")


class Session:
    """What a running tier needs: its name and log, whether skips are failures, a voice."""

    def __init__(self, tier, strict):
        self.tier, self.strict = tier, strict
        self.failures = []
        self.log = LOGS / f"{tier}.log"
        self.log.write_text("")

    def say(self, text):
        for line in text.split("\n"):
            print(f"  {line}", flush=True)

    def fail(self, title, text=""):
        """Says what failed, here and once more before the closing table."""
        lines = [f"--- {title}", *(f"  {line}" for line in text.rstrip().splitlines())]
        self.say("\n".join(lines))
        kept = lines if len(lines) <= RECAP_LINES else [lines[0], "  …", *lines[-RECAP_LINES:]]
        self.failures.append("\n".join(kept))

    def log_tail(self, count):
        """The last lines of the log."""
        lines = self.log.read_text(errors="replace").rstrip().split("\n")
        return "\n".join(lines[-count:])

    def log_errors(self, count):
        """The log's first lines that tell of an error, without the build's progress."""
        lines = self.log.read_text(errors="replace").split("\n")
        first = next((at for at, line in enumerate(lines) if line.startswith("FAILED: ")), 0)
        return "\n".join([line[:400] for line in lines[first:]
                          if not NOISE.match(line)][:count])


def run_tier(tier, session):
    """Runs one tier; (count, note). A tier that cannot run has failed once."""
    try:
        return tier.run(session), ""
    except counts.Skip as skip:
        (session.fail if session.strict else session.say)(f"SKIPPED {tier.name}: {skip}")
        return Count(0, 0, 1), f"skipped: {skip}"
    except counts.Broken as broken:
        session.fail("could not run", str(broken))
        return Count(0, 1), "could not run"
    finally:
        for command in processes.end_children():
            session.say(f"left behind and ended: {command[:120]}")


def run_all(tiers, strict):
    """Runs the tiers in order; a row (name, count, seconds, note) each, and what failed."""
    rows, failures = [], []
    for tier in tiers:
        print(f"== {tier.name}: {tier.claim}", flush=True)
        started = time.monotonic()
        session = Session(tier.name, strict)
        ended, note = run_tier(tier, session)
        seconds = time.monotonic() - started
        ended = ended.strict() if strict else ended
        print(f"   {tier.name}: {ended} ({seconds:.1f} s)", flush=True)
        rows.append((tier.name, ended, seconds, note))
        failures += [f"{tier.name}: {failure}" for failure in session.failures]
    return rows, failures


def close(rows, failures):
    """Prints what failed, the table and the closing line; the exit code."""
    total = sum((row[1] for row in rows), Count())
    for failure in failures[:RECAP_FAILURES]:
        print(f"\n{failure}")
    if len(failures) > RECAP_FAILURES:
        print(f"\n… and {len(failures) - RECAP_FAILURES} more: build/logs")
    print("\ntier           passed  failed  skipped  seconds")
    for name, ended, seconds, note in rows:
        print(f"{name:<14} {ended.passed:>6}  {ended.failed:>6}  {ended.skipped:>7}  "
              f"{seconds:>7.1f}  {note}".rstrip())
    if total == Count():
        print("no test was run: that is a failure")
        total = Count(0, 1)
    print(total, flush=True)
    return 1 if total.failed else 0


def choose(names):
    """The tiers of these names, in the table's order; all of them without a name."""
    known = {tier.name: tier for tier in table.TABLE}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.4)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            sys.exit(f"dev: there is no tier '{name}'{hint}\ndev: tiers: {' '.join(known)}")
    return [tier for tier in table.TABLE if not names or tier.name in names]


def parse():
    parser = argparse.ArgumentParser(prog="./dev test", description="runs the tests, by tiers")
    parser.add_argument("--strict", action="store_true", help="a skipped tier is a failure")
    parser.add_argument("--list", action="store_true", help="print the tiers and end")
    parser.add_argument("--packages", action="store_true", help="print what the tiers need")
    parser.add_argument("tiers", nargs="*", metavar="TIER")
    return parser.parse_args()


def main():
    arguments = parse()
    tiers = choose(arguments.tiers)
    if arguments.packages:
        print(" ".join(sorted({name for tier in tiers for name in tier.packages})))
        return 0
    if arguments.list:
        for tier in tiers:
            print(f"{tier.name:<12} {tier.claim}")
        return 0
    strict = arguments.strict or os.environ.get("CI") == "true"
    os.environ.setdefault("TIDEMARK_CACHE", os.path.expanduser("~/.cache/tidemark"))
    LOGS.mkdir(parents=True, exist_ok=True)
    processes.adopt_orphans()
    processes.catch_signals()
    try:
        return close(*run_all(tiers, strict))
    except processes.Interrupted as interrupted:
        print(f"\ninterrupted by {interrupted}; ended what was running", flush=True)
        return 130
    finally:
        processes.end_children()
        shutil.rmtree(builds.ROOT / "build/tmp", ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
