#!/usr/bin/env python3
"""Replies to appends that get lost on their way, requests that never arrive or arrive late, halves,
and silence: between the program and the server stands a proxy that knows the protocol.

Each time the program cannot know what became of its append. It must find out by sending the same
ids again: nothing twice, nothing lost, and no query by which it would guess.

    tests/postgres_replies_test.py PATH-OF-POSTGRES-APPENDS [ROUNDS]"""

import collections
import pathlib
import random
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from postgres_appends import Appends, Ledger  # noqa: E402
from postgres_cluster import Cluster, Unavailable  # noqa: E402
from postgres_proxy import (FAULTS, HALF_REPLY, LATE_REQUEST, LOST_REPLY,  # noqa: E402
                            SILENT_REPLY, Proxy)

DATABASE = "replies"
ROUNDS = 18
# Of the program: it goes on by itself; or it tells its caller that the outcome is unknown.
PATIENT, IMPATIENT = ("acquire=10000",), ("acquire=0",)
# So that silence is not waited for long.
TIMES = ("writers=1", "threads=1", "statement=1000", "grace=250")


class Tally:
    def __init__(self):
        self.counts, self.seconds = collections.Counter(), []

    def note(self, fault, has_committed):
        self.counts[fault, {True: "committed", False: "refused", None: "never arrived"}
                    [has_committed]] += 1


def decide(run, number, fault):
    """Sends it again, as its caller does, until it is decided. Slow is not wrong."""
    until = time.monotonic() + 60
    while not (told := run.append_again(number)).startswith("stored "):
        assert told.startswith(("unknown ", "failed unavailable ")), f"{fault}: told {told}"
        # It is its own id that is there already.
        assert "other processes were quicker" not in told, f"{fault}: told {told}"
        assert time.monotonic() < until, f"{fault}: not decided, told {told}"


def lose(run, proxy, ledger, fault, tally):
    """One append that meets the fault; then it is decided."""
    (number,) = ledger.draw(1)
    proxy.plan.put(fault)
    began = time.monotonic()
    told = run.append([number])[number]
    tally.note(*proxy.outcomes.get(timeout=30))
    is_patient = told.startswith("stored ")
    assert is_patient or told.startswith("unknown "), f"{fault}: told {told}"
    if not is_patient:
        began = time.monotonic()
        decide(run, number, fault)
    tally.seconds.append(time.monotonic() - began)


def run_rounds(program, url, proxy, ledger, flags, faults, tally):
    run = Appends(program, url, *TIMES, *flags).wait_open()
    try:
        for fault in faults:
            lose(run, proxy, ledger, fault, tally)
            (number,) = ledger.draw(1)
            if not run.append([number])[number].startswith("stored "):
                decide(run, number, "after " + fault)
        run.end()
    finally:
        run.kill()
        ledger.note(run)


def check(tally, proxy):
    strange = [sql for sql in proxy.asked_by_writers() if "append" not in sql]
    assert not strange, f"a session that appends asked {strange}"
    for fault in (LOST_REPLY, HALF_REPLY, SILENT_REPLY):
        assert tally.counts[fault, "committed"] > 0, f"INCONCLUSIVE: no {fault} of a commit"
    middle = statistics.median(tally.seconds)
    for (fault, fate), count in sorted(tally.counts.items()):
        print(f"{fault:24} {fate:14} {count}")
    print(f"replies: {sum(tally.counts.values())} appends whose outcome was unknown, each decided "
          f"by the same ids; 0 lost, 0 doubled; median {middle * 1000:.0f} ms")


def main():
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    rng, ledger, tally = random.Random(5), Ledger(), Tally()
    faults = [FAULTS[i % len(FAULTS)] for i in range(rounds)]
    # Silence costs a second each: enough of it is as good as a lot.
    faults = [f for i, f in enumerate(faults) if not f.startswith("silence") or i < 100]
    try:
        with Cluster() as cluster:
            cluster.sql(f"CREATE DATABASE {DATABASE}")
            proxy = Proxy(cluster.port, rng)
            url = cluster.url(DATABASE).replace(f":{cluster.port}/", f":{proxy.port}/")
            try:
                for flags in (PATIENT, IMPATIENT):
                    run_rounds(program, url + "?sslmode=disable", proxy, ledger, flags,
                               faults[:len(faults) // 2], tally)
            finally:
                proxy.close()
            assert not ledger.open, f"not decided: {ledger.open}"
            ledger.check(cluster, DATABASE)
    except Unavailable as missing:
        print(missing)
        return 77
    check(tally, proxy)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
