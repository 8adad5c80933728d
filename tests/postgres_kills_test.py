#!/usr/bin/env python3
"""Faults aimed at the calls around a commit: the program that appends, the session of the server
that commits for it, or a process of the server beside it gets a signal (or the disk an error) right
before the k-th call of a kind.

A fault counts as landed only where the trace shows the call at which it came. Held to, over all:
what was acknowledged is there once and whole; what was not is decided by sending the same ids
again. A run in which no unknown outcome had been committed, or none had not, proves nothing.

    tests/postgres_kills_test.py PATH-OF-POSTGRES-APPENDS [ROUNDS]"""

import collections
import contextlib
import pathlib
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from postgres_appends import Appends, Ledger, settle  # noqa: E402
from postgres_cluster import Cluster, Unavailable  # noqa: E402
from tracing import DARK, EIO, END, KILL, LAND_SECONDS, Trace, wait_landed  # noqa: E402

DATABASE = "kills"
# Who, before which call, what. `DARK`: every process of the server is killed while it syncs.
AIMS = (("program", "sendto", KILL), ("session", "fdatasync", KILL),
        ("program", "recvfrom", KILL), ("session", "sendto", KILL),
        ("session", "fdatasync", EIO), ("session", "pwrite64", KILL),
        ("program", "poll", KILL), ("session", "fdatasync", END),
        ("session", "recvfrom", KILL), ("session", "fdatasync", DARK),
        ("session", "pwrite64", END), ("session", "sendto", END),
        ("checkpointer", "pwrite64", KILL), ("walwriter", "epoll_wait", KILL))
# Whoever is hit there has committed.
WINDOW = [("session", "fdatasync", KILL), ("session", "fdatasync", EIO),
          ("session", "fdatasync", DARK), ("session", "sendto", KILL)]
WINDOW_LANDED = 3
IN_FLIGHT = 6
# Appends that are sent into the fault: more where nothing says that it comes during one.
SENT = {"checkpointer": 600, "walwriter": 600}
START_SECONDS = 120
WRITER = ("SELECT pid FROM pg_stat_activity WHERE application_name = 'tidemark' "
          "AND query LIKE 'SELECT%append%' ORDER BY query_start DESC LIMIT 1")
OF_SERVER = "SELECT pid FROM pg_stat_activity WHERE backend_type = "
PIDS = {"session": WRITER, "checkpointer": f"{OF_SERVER}'checkpointer'",
        "walwriter": f"{OF_SERVER}'walwriter'"}


class Rounds:
    def __init__(self, program, folder, cluster):
        self.program, self.folder, self.cluster = program, folder, cluster
        self.ledger, self.run = Ledger(), None
        self.cutoffs, self.landed = {}, collections.Counter()
        self.committed, self.aborted = collections.Counter(), collections.Counter()

    def start(self):
        """A program that has appended before the fault comes."""
        if self.run is None:
            self.run = Appends(self.program, self.cluster.url(DATABASE), "writers=1",
                               f"threads={IN_FLIGHT}").wait_open()
            if self.ledger.open:
                self.run.append(sorted(self.ledger.open))
        until = time.monotonic() + START_SECONDS
        while True:
            told = self.run.append(self.ledger.draw(2 * IN_FLIGHT))
            self.ledger.note(self.run)
            if all(answer.startswith("stored ") for answer in told.values()):
                return
            assert time.monotonic() < until, f"nothing is stored any more: {told}"

    def one(self, aim, count):
        self.start()
        who, call, what = aim
        pid = self.run.process.pid if who == "program" else int(self.ask(PIDS[who]))
        trace = Trace(pid, self.folder, call, what, count)
        try:
            numbers = self.ledger.draw(SENT.get(who, 2 * IN_FLIGHT))
            self.run.send(numbers)
            if who == "checkpointer":
                with contextlib.suppress(RuntimeError):
                    self.cluster.sql("CHECKPOINT")
            landed = wait_landed(trace, lambda: self.run.process.poll() is not None)
            if what == DARK and landed:
                self.cluster.kill()
        finally:
            trace.end()
        if what == DARK and landed:
            self.cluster.start()
        run = self.run
        self.live_on(numbers)
        if landed:
            self.landed[aim] += 1
            # What a program that is gone has sent can still be stored; its session is gone too now.
            by = time.time() if who == "program" else landed[2]
            self.cutoffs.update({number: (by, aim) for number in run.under_way(landed[2])})
        if self.run is None:
            self.start()

    def live_on(self, numbers):
        """A program that lost its server goes on by itself; one that was killed is gone."""
        is_alive = self.run.wait_told(numbers)
        self.ledger.note(self.run)
        if is_alive:
            return
        self.ledger.open.update(n for n in numbers if n not in self.ledger.acknowledged)
        self.run.kill()
        self.run = None
        until = time.monotonic() + LAND_SECONDS
        while self.ask(WRITER.replace("pid", "count(*)", 1).split(" ORDER")[0]) != "0":
            assert time.monotonic() < until, "the session of a program that is gone stays"
            time.sleep(0.01)

    def ask(self, statement):
        """What the server says, once it has recovered from what was done to it."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.cluster.sql(statement)
            except RuntimeError:
                assert time.monotonic() < until, f"no recovery: {self.cluster.log_tail()}"
                time.sleep(0.05)

    def judge(self):
        self.start()
        self.run.end()
        self.ledger.note(self.run)
        settle(self.program, self.cluster, DATABASE, self.ledger)
        found = self.ledger.check(self.cluster, DATABASE)
        for number, (at, aim) in self.cutoffs.items():
            stored_at = found[number][5] / 1e6
            (self.committed if stored_at < at else self.aborted)[aim] += 1


def report(rounds, wanted):
    for aim in AIMS:
        who, call, what = aim
        print(f"{who:12} {call:10} {what:16} landed {rounds.landed[aim]:4}  unknown: "
              f"{rounds.committed[aim]:4} had been committed, {rounds.aborted[aim]:4} had not")
    print(f"kills: {wanted} rounds, {sum(rounds.landed.values())} landed; "
          f"{len(rounds.ledger.acknowledged)} appends acknowledged, all there; unknown: "
          f"{sum(rounds.committed.values())} committed, {sum(rounds.aborted.values())} not; "
          "0 lost, 0 doubled")
    assert sum(rounds.landed.values()) * 10 >= wanted * 9, "INCONCLUSIVE: too few faults landed"
    assert rounds.committed.total() > 0, "INCONCLUSIVE: no unknown outcome had been committed"
    for aim in WINDOW:
        is_enough = rounds.landed[aim] < WINDOW_LANDED or rounds.committed[aim] > 0
        assert is_enough, f"INCONCLUSIVE: {aim} never came after a commit"
    assert rounds.aborted.total() > 0, "INCONCLUSIVE: every unknown outcome had been committed"


def main():
    program = sys.argv[1]
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else len(AIMS)
    if shutil.which("strace") is None:
        print("SKIPPED: strace is not installed, nothing can be aimed")
        return 77
    try:
        with tempfile.TemporaryDirectory() as folder, Cluster() as cluster:
            cluster.sql(f"CREATE DATABASE {DATABASE}")
            rounds = Rounds(program, folder, cluster)
            for number in range(wanted):
                rounds.one(AIMS[number % len(AIMS)], 1 + number // len(AIMS) % 3)
            rounds.judge()
    except Unavailable as missing:
        print(missing)
        return 77
    report(rounds, wanted)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
