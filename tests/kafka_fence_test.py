#!/usr/bin/env python3
"""Two shops on one database, whose relays publish in transactions (kafka.transactional_id): the one
that has the relay's lease is frozen past it, again and again, and goes on when the other one has
taken over.

Held to: behind the first message of a new owner no reader of committed messages sees one of an old
owner; every event that is stored and public is on the topic, and no other, first copies in order. A
run in which no frozen owner was shut out by the brokers proves nothing.

    tests/kafka_fence_test.py SHOP READER [ROUNDS]      (paths of the programs)"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import kafka_cluster  # noqa: E402
import postgres_cluster  # noqa: E402
from kafka_relay_test import READ_SECONDS, TOPIC, Clients, relay_of, wait_until  # noqa: E402
from servers import Unavailable  # noqa: E402
from shop_process import Shop, post  # noqa: E402

NAMES = ("first", "second")
ROUNDS = 6
SHUT_OUT = "a producer is broken or shut out"
BUSY = ("SELECT string_agg(concat_ws(' ', pid, state, wait_event, age(now(), xact_start), "
        "left(query, 80)), E'\\n') FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND state <> 'idle'")
STORED = "SELECT count(*) FROM tidemark.events WHERE name NOT LIKE 'tidemark.%'"


def begin(program, folder, name, brokers, database):
    place = pathlib.Path(folder) / name
    place.mkdir()
    shop = Shop(program, place, store=database.url("shop"), flags=(
        "--no-demo", "--bus", f"kafka://{brokers.url()}", "--set", "kafka.replication=3",
        "--set", "kafka.transactional_id=shop", "--set", "kafka.delivery_timeout=10s",
        "--set", "runtime.lease=2s", "--set", "payment.decline_rate=0"))
    assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
    return shop


def is_publishing(shop):
    return relay_of(shop)["state"] not in ("standing_by", "parked", "backing_off", "loading")


def log_of(shop):
    return (shop.folder / "shop.log").read_text(errors="replace")


def what_holds(claim, shops, database):
    """What is said of a claim that does not come true."""
    return lambda: "\n".join((claim, *(f"{one.folder.name}: {relay_of(one)}" for one in shops),
                              database.sql(BUSY, "shop")))


def find_owner(shops, database):
    """Whoever publishes next. On a slow machine a lease ends without any help."""
    before = [relay_of(one)["published"] for one in shops]
    found = []

    def is_found():
        found[:] = [one for one, count in zip(shops, before)
                    if is_publishing(one) and relay_of(one)["published"] > count]
        return found

    wait_until(what_holds("a shop publishes", shops, database), is_found)
    return found[0]


def freeze_owner(shops, clients, database):
    """The owner is frozen until the other one has published; true if the brokers shut it out."""
    owner = find_owner(shops, database)
    other = next(one for one in shops if one is not owner)
    clients.shop = other
    seen = log_of(owner).count(SHUT_OUT)
    published = relay_of(other)["published"]
    owner.process.send_signal(signal.SIGSTOP)
    try:
        wait_until(what_holds("the other one takes over", [other], database),
                   lambda: relay_of(other)["published"] > published)
    finally:
        owner.process.send_signal(signal.SIGCONT)
    wait_until("the old owner stands by", lambda: relay_of(owner)["state"] == "standing_by")
    return log_of(owner).count(SHUT_OUT) > seen


def run_rounds(shops, rounds, database):
    clients, shut_out = Clients(), 0
    clients.shop = shops[0]
    try:
        assert post(shops[0].url("/api/v1/inventory/apple/restock"), "stock",
                    {"quantity": 1_000_000})[0] == 204
        clients.start()
        for _ in range(rounds):
            shut_out += freeze_owner(shops, clients, database)
        clients.end()
        wait_until(what_holds("everything is published", shops, database),
                   lambda: relay_of(shops[0])["pending"] == 0)
    finally:
        clients.stop.set()
    for shop in shops:
        assert shop.stop() == 0, f"a shop did not end well: {shop.tail()}"
    return clients, shut_out


def main():
    program, reader = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS
    shops = []
    try:
        with tempfile.TemporaryDirectory() as folder, kafka_cluster.Cluster() as brokers, \
                postgres_cluster.Cluster() as database:
            database.sql("CREATE DATABASE shop")
            try:
                for name in NAMES:
                    shops.append(begin(program, folder, name, brokers, database))
                clients, shut_out = run_rounds(shops, rounds, database)
                stored = int(database.sql(STORED, "shop"))
                wire = json.loads(subprocess.run(
                    [reader, brokers.url(), TOPIC, str(stored), str(READ_SECONDS)], text=True,
                    capture_output=True, check=True, timeout=READ_SECONDS + 60).stdout)
            finally:
                for shop in shops:
                    if shop.process.poll() is None:
                        shop.process.send_signal(signal.SIGCONT)
                        shop.kill()
    except Unavailable as missing:
        print(missing)
        return 77
    print(f"kafka fence: an owner was frozen {rounds} times, brokers shut it out {shut_out} times; "
          f"{clients.placed} orders placed, {clients.failed} answers lost; {stored} public events "
          f"stored, on the topic: {wire}")
    assert wire["old_owner"] == 0, "an old owner's messages came behind a new one's"
    assert wire["distinct"] == stored, "events are missing on the topic, or there are too many"
    assert wire["late"] == 0 and wire["foreign"] == 0, "a stream's events came out of order"
    assert shut_out > 0, "INCONCLUSIVE: the brokers had nobody to shut out"
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
