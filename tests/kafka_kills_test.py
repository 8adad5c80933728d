#!/usr/bin/env python3
"""SIGKILL under load, right before the calls around the two places where a crash could lose or
double something: in the shop, whose relay publishes (a request to a broker, its report, the
transaction of the checkpoint), and in the dispatch, which consumes (a fetch, the transaction of the
effects, the commit of the offset). Real brokers, both services on PostgreSQL.

strace finds the thread that makes such calls, then delivers the signal before its k-th one. Held
to, over all: each public event of the log has taken effect once, in its stream's order, none was
passed over. Copies on the topic are counted after each round by its offsets, at the end by event. A
run in which nothing was published beyond the checkpoint, or no effect was ahead of its offset,
proves nothing.

    tests/kafka_kills_test.py SHOP DISPATCH READER [ROUNDS [SEED]]    (paths; rounds of each)"""

import dataclasses
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import kafka_cluster  # noqa: E402
import postgres_cluster  # noqa: E402
from kafka_consumer_test import CALM_SECONDS, World, ended, judge  # noqa: E402
from kafka_relay_test import TOPIC, Clients, read_topic, relay_of  # noqa: E402
from servers import Unavailable  # noqa: E402
from shop_process import post, wait_for  # noqa: E402
from tracing import KILL, Trace, Watch, wait_landed  # noqa: E402

ROUNDS = 3
# Of a round in which another request of the same thread was hit, or the thread was not used again.
TRIES, AIMED_SECONDS = 5, 8
# Of one thread, with the other end of each socket and the beginning of what is sent.
ONE_THREAD = ("-yy", "-xx", "-s", "128")
# Numbers of requests in the protocol.
PRODUCE, FETCH, COMMIT_OFFSET = 0, 1, 8
MODELS = {"shop": f"relay:{TOPIC}", "dispatch": "parcels.v1"}


@dataclasses.dataclass(frozen=True)
class Aim:
    who: str
    what: str
    call: str
    # The signal comes before one of the first so many calls.
    most: int
    # The number of a broker's request; nothing: the transaction that moves the program's model.
    request: int | None = None

    def pattern(self):
        """What the thread sends, as strace shows it."""
        if self.request is None:
            return "".join(f"\\\\x{ord(letter):02x}" for letter in MODELS[self.who])
        return rf'sendmsg.*?iov_base="(?:\\x..){{4}}\\x00\\x{self.request:02x}'


RELAY = (Aim("shop", "produce request", "sendmsg", 30, PRODUCE),
         Aim("shop", "delivery report", "recvmsg", 60, PRODUCE),
         Aim("shop", "checkpoint", "sendto", 3),
         Aim("shop", "checkpoint", "recvfrom", 5))
CONSUMER = (Aim("dispatch", "offset", "sendmsg", 12, COMMIT_OFFSET),
            Aim("dispatch", "fetch", "recvmsg", 40, FETCH),
            Aim("dispatch", "effects", "recvfrom", 24),
            Aim("dispatch", "offset", "recvmsg", 24, COMMIT_OFFSET),
            Aim("dispatch", "fetch", "sendmsg", 20, FETCH),
            Aim("dispatch", "effects", "sendto", 24))


class Kills(World):
    """Rounds, each of which begins and ends with everything published, heard and committed."""

    def begin(self):
        assert post(self.shop.url("/api/v1/inventory/apple/restock"), "stock",
                    {"quantity": 1_000_000})[0] == 204
        self.start_main()
        self.group = wait_for("the dispatch has a consumer", self.state)["group"]
        self.rounds, self.placed, self.copies = 0, 0, self.settle()
        self.behind, self.ahead, self.dropped = 0, 0, 0

    def lag(self):
        """(messages before the group, messages on the topic)"""
        told = json.loads(subprocess.run(
            [self.programs["dispatch"], "bus", "lag", self.group, "--topic", TOPIC, "--bus",
             f"kafka://{self.brokers.url()}", "--json"], capture_output=True, text=True,
            check=True, timeout=60).stdout)
        return told["lag"], sum(part["end"] for part in told["items"])

    def settle(self):
        """Until all that is stored is published, heard and committed; the copies on the topic."""
        def copies():
            stored = self.stored()
            if relay_of(self.shop)["pending"] > 0 or self.taken() < stored:
                return None
            before, messages = self.lag()
            return [messages - stored] if before == 0 and self.stored() == stored else None
        return wait_for(lambda: f"all is heard: {relay_of(self.shop)}, {self.state()}", copies,
                        CALM_SECONDS)[0]

    def waits(self, name):
        """Whether a session waits for the row of its model."""
        return self.database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
            f"'{name}' AND query LIKE '%FROM models%FOR UPDATE'") != "0"

    def thread(self, watch, aim):
        """The last one that has sent what is aimed at."""
        sent = [one for one in watch.lines() if re.search(aim.pattern(), one)]
        return sent and int(sent[-1].split()[0])

    def attach(self, victim, aim, count):
        """Where the thread is to be found by its transaction, that one is held until it is."""
        gate = None
        watch = Watch(victim.process.pid, self.folder, "-f", *ONE_THREAD, "-e",
                      "trace=sendto,sendmsg")
        try:
            if aim.request is None:
                gate = self.database.session(
                    "BEGIN; SELECT id FROM tidemark.models WHERE name = "
                    f"'{MODELS[aim.who]}' FOR UPDATE;", aim.who)
                wait_for("a transaction waits", lambda: self.waits(aim.who))
            thread = wait_for(f"a thread for {aim}", lambda: self.thread(watch, aim))
            watch.end()
            return Trace(thread, self.folder, aim.call, KILL, count, ONE_THREAD)
        finally:
            watch.end()
            if gate:
                self.database.end_session(gate)

    def has_hit(self, aim, line):
        """Whether the call that was hit is of the kind that was aimed at."""
        peer = re.search(r"->[^\]]*:(\d+)\]", line)
        port = int(peer[1]) if peer else 0
        if aim.request is None:
            return port == self.database.port
        is_answer = aim.call == "recvmsg"
        return port in [broker.port for broker in self.brokers.brokers] and (
            is_answer or re.search(aim.pattern(), line) is not None)

    def kill(self, victim, aim, count):
        """What the trace says of the call that was hit, if the program died of it."""
        clients = Clients(f"{self.rounds}-")
        clients.shop = self.shop
        clients.start()
        try:
            trace = self.attach(victim, aim, count)
            try:
                wait_landed(trace, lambda: victim.process.poll() is not None, AIMED_SECONDS)
            finally:
                trace.end()
        finally:
            clients.end()
            self.placed += clients.placed
        line = trace.hit()
        victim.kill()
        return line is not None and self.has_hit(aim, line)

    def one(self, aim):
        """Whether the aim was hit."""
        self.rounds += 1
        began, count = time.monotonic(), self.rng.randint(1, aim.most)
        is_relay = aim.who == "shop"
        # A member that is started anew counts anew.
        heard = self.state()["duplicates"] if is_relay else 0
        has_landed = self.kill(self.shop if is_relay else self.main, aim, count)
        (self.start_shop if is_relay else self.start_main)()
        copies = self.settle()
        new, self.copies = copies - self.copies, copies
        dropped = self.state()["duplicates"] - heard
        self.dropped += dropped
        self.landed[aim] += has_landed
        self.behind += is_relay and has_landed and new > 0
        self.ahead += not is_relay and has_landed and new == 0 and dropped > 0
        print(f"{aim.who:8} {aim.what:15} before {aim.call:8} {count:2}  "
              f"{'landed' if has_landed else 'MISSED'}  copies on the topic {new:4}, dropped by "
              f"version {dropped:4}, {time.monotonic() - began:4.1f} s", flush=True)
        return has_landed


def report(world, rounds, figures, wire):
    events, streams = figures
    total = sum(world.landed.values())
    print(f"kafka kills: {total} of {2 * rounds} landed; {world.placed} orders placed; {events} "
          f"public events in {streams} streams, each took effect once, in order; published beyond "
          f"the checkpoint {world.behind} times, effects ahead of the offset {world.ahead} times; "
          f"copies on the topic {wire['duplicates']}, dropped by version {world.dropped}")
    assert wire["distinct"] == events, f"the topic has other events than the log: {wire}"
    assert wire["late"] == wire["foreign"] == 0, f"a stream's events came out of order: {wire}"
    assert wire["duplicates"] == world.copies <= world.dropped, f"{world.copies} copies: {wire}"
    assert total == 2 * rounds, f"INCONCLUSIVE: too few kills landed: {world.landed}"
    assert world.behind > 0, "INCONCLUSIVE: nothing was published beyond the checkpoint"
    assert world.ahead > 0, "INCONCLUSIVE: no effect was ahead of its offset"


def main():
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else ROUNDS
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.randrange(1_000_000)
    if shutil.which("strace") is None:
        print("SKIPPED: strace is not installed, nothing can be aimed")
        return 77
    print(f"seed {seed}", flush=True)
    try:
        with tempfile.TemporaryDirectory() as folder, kafka_cluster.Cluster() as brokers, \
                postgres_cluster.Cluster() as database:
            with ended(Kills(dict(zip(("shop", "dispatch"), sys.argv[1:3])), folder, brokers,
                             database, random.Random(seed))) as world:
                world.begin()
                for number in range(rounds):
                    for aims in (RELAY, CONSUMER):
                        aim = aims[number % len(aims)]
                        any(world.one(aim) for _ in range(TRIES))
                for process in (world.main, world.shop):
                    assert process.stop() == 0, f"it did not end well: {process.tail()}"
            figures = judge(database)
            wire = read_topic(sys.argv[3], brokers, figures[0])
    except Unavailable as missing:
        print(missing)
        return 77
    report(world, rounds, figures, wire)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
