#!/usr/bin/env python3
"""Orders go on while three real brokers, the relay's own process, and the leaders of the topic are
hurt: frozen and thawed, killed and started again, one, two and all of them at once.

Held to: no order waits for the brokers; the shop's memory does not grow while all of them are away;
every event that is stored and public is on the topic in the end, and no other; the first copies of
a stream's events come in order. Copies are counted, not forbidden. A fault counts as landed only
with evidence; a run without any of one kind proves nothing.

    tests/kafka_relay_test.py PATH-OF-THE-SHOP PATH-OF-THE-READER [ROUNDS]"""

import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from kafka_cluster import BROKERS, Cluster, Unavailable, registered  # noqa: E402
from shop_process import Shop, call, post, wait_for  # noqa: E402

TOPIC = "shop.events"
CLIENTS = 3
PAUSE_SECONDS = 0.02
FAULTS = ("slow", "freeze", "two", "kill", "shop", "all")
# Nobody answers for so long; an order that took as long would have waited for it.
OUTAGE_SECONDS = 15
# What a relay may hold: two pages, and what is on its way (docs/guarantees.md).
GROWTH_KIB = 96 * 1024
CALM_SECONDS = 120
READ_SECONDS = 120


class Clients:
    """Orders at an even pace; how long the slowest took. Each lot has keys of its own."""

    def __init__(self, lot=""):
        self.shop, self.stop, self.lot = None, threading.Event(), lot
        self.placed, self.failed, self.slowest = 0, 0, 0.0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CLIENTS)]

    def start(self):
        for one in self.threads:
            one.start()

    def run(self, number):
        count = 0
        while not self.stop.is_set():
            count += 1
            self.place(f"{self.lot}c{number}-{count}")
            time.sleep(PAUSE_SECONDS)

    def place(self, key):
        body = {"customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 5}]}
        began = time.monotonic()
        try:
            status, _, _ = post(self.shop.url("/api/v1/orders"), key, body)
        except OSError:
            status = 0
        with self.lock:
            self.placed += status == 201
            self.failed += status != 201
            if status == 201:
                self.slowest = max(self.slowest, time.monotonic() - began)

    def end(self):
        self.stop.set()
        for one in self.threads:
            one.join(60)


def relay_of(shop):
    return call(shop.admin("/admin/v1/overview"))[2]["relay"][0]


def wait_until(claim, question, seconds=CALM_SECONDS):
    wait_for(claim, question, seconds)


def begin(program, folder, cluster):
    shop = Shop(program, folder, flags=(
        "--no-demo", "--bus", f"kafka://{cluster.url()}", "--set", "kafka.replication=3",
        "--set", "kafka.partitions=10", "--set", "kafka.delivery_timeout=5s",
        "--set", "payment.decline_rate=0"))
    assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
    return shop


def resident_kib(shop):
    status = pathlib.Path(f"/proc/{shop.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def freeze(cluster, shop, rng):
    """Landed: the others have given it up."""
    number = rng.randint(1, BROKERS)
    others = [one for one in cluster.brokers if one.number != number]
    cluster.freeze(number)
    wait_until("the others give the broker up", lambda: all(
        registered(one.port) == len(others) for one in others))
    cluster.thaw(number)
    cluster.wait(BROKERS)
    return 0


def slow_down(cluster, shop, rng):
    """A broker that stops for a moment: acknowledgements are late, and nobody gives it up. Landed:
    events wait."""
    for number in range(1, BROKERS + 1):
        cluster.freeze(number)
        wait_until("events wait", lambda: relay_of(shop)["pending"] > 0)
        cluster.thaw(number)
    cluster.wait(BROKERS)
    return 0


def freeze_two(cluster, shop, rng):
    """Nobody is left to take an event in: with one copy there are too few. Landed: events wait for
    longer than a message is tried."""
    left = rng.randint(1, BROKERS)
    others = [number for number in range(1, BROKERS + 1) if number != left]
    for number in others:
        cluster.freeze(number)
    wait_until("the relay tries again", lambda: relay_of(shop)["state"] == "backing_off")
    for number in others:
        cluster.thaw(number)
    cluster.wait(BROKERS)
    return 0


def kill(cluster, shop, rng):
    """Landed: the others have given it up."""
    number = rng.randint(1, BROKERS)
    cluster.kill(number)
    cluster.wait(BROKERS - 1)
    cluster.start_one(number)
    cluster.wait(BROKERS)
    return 0


def freeze_all(cluster, shop, rng):
    """Landed: events wait. How much the shop has grown."""
    before = resident_kib(shop)
    for number in range(1, BROKERS + 1):
        cluster.freeze(number)
    until = time.monotonic() + OUTAGE_SECONDS
    wait_until("events wait", lambda: time.monotonic() > until and relay_of(shop)["pending"] > 0)
    grown = resident_kib(shop) - before
    for number in range(1, BROKERS + 1):
        cluster.thaw(number)
    cluster.wait(BROKERS)
    return grown


HURT = {"slow": slow_down, "freeze": freeze, "two": freeze_two, "kill": kill, "all": freeze_all}


def goes_on(shop, why):
    before = relay_of(shop)["published"]
    wait_until(f"the relay publishes {why}", lambda: relay_of(shop)["published"] > before)


def stored_events(folder):
    with sqlite3.connect(f"file:{folder}/shop.db?mode=ro", uri=True) as log:
        return log.execute("SELECT count(*) FROM events WHERE name NOT LIKE 'tidemark.%'"
                           ).fetchone()[0]


def read_topic(reader, cluster, events):
    """What the reader makes of the topic, on which there are so many different events."""
    return json.loads(subprocess.run(
        [reader, cluster.url(), TOPIC, str(events), str(READ_SECONDS)], capture_output=True,
        text=True, check=True, timeout=READ_SECONDS + 60).stdout)


def run_rounds(program, folder, cluster, rounds, rng):
    """What landed, and the clients' figures."""
    landed, clients, grown = dict.fromkeys(FAULTS, 0), Clients(), 0
    shop = clients.shop = begin(program, folder, cluster)
    try:
        assert post(shop.url("/api/v1/inventory/apple/restock"), "stock",
                    {"quantity": 1_000_000})[0] == 204
        clients.start()
        goes_on(shop, "at the start")
        for number in range(rounds):
            fault = FAULTS[number % len(FAULTS)]
            if fault == "shop":
                wait_until("events are on their way", lambda: relay_of(shop)["pending"] > 0)
                shop.kill()
                shop = clients.shop = begin(program, folder, cluster)
            else:
                grown = max(grown, HURT[fault](cluster, shop, rng))
            landed[fault] += 1
            goes_on(shop, f"after {fault}")
        clients.end()
        wait_until("everything is published", lambda: relay_of(shop)["pending"] == 0)
        log = (pathlib.Path(folder) / "shop.log").read_text(errors="replace")
        assert shop.stop() == 0, f"the shop did not end well: {shop.tail()}"
    finally:
        clients.stop.set()
        if shop.process.poll() is None:
            shop.kill()
    return landed, clients, grown, log.count("a producer is broken")


def main():
    program, reader = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else len(FAULTS)
    try:
        with tempfile.TemporaryDirectory() as folder, Cluster() as cluster:
            landed, clients, grown, renewed = run_rounds(program, folder, cluster, rounds,
                                                         random.Random(5))
            stored = stored_events(folder)
            told = read_topic(reader, cluster, stored)
    except Unavailable as missing:
        print(missing)
        return 77
    print(f"kafka relay: {landed}; {clients.placed} orders placed, {clients.failed} answers lost, "
          f"the slowest took {clients.slowest:.2f} s; grown by {grown} KiB without brokers; "
          f"{stored} public events stored, on the topic: {told}; producers made anew: {renewed}")
    assert told["distinct"] == stored, "events are missing on the topic, or there are too many"
    assert clients.slowest < OUTAGE_SECONDS, "an order waited for the brokers"
    assert grown < GROWTH_KIB, "the shop grew while the brokers were away"
    assert told["late"] == 0 and told["foreign"] == 0, "a stream's events came out of order"
    if rounds >= len(FAULTS):
        assert all(landed.values()), f"INCONCLUSIVE: {landed}"
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
