#!/usr/bin/env python3
"""The topic between two services is deleted under them, on three real brokers: once where it may
not be made again by the relay, and once where it may.

Held to: orders are taken all the while; both services say which topic is missing; when it is there
again, what was committed meanwhile is published from the relay's checkpoint and takes effect in the
other service once, and nothing repeats what had taken effect before.

    tests/kafka_topic_test.py SHOP DISPATCH      (paths of the programs)"""

import pathlib
import sqlite3
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from kafka_cluster import Cluster, Unavailable  # noqa: E402
from shop_process import Shop, call, post, wait_for  # noqa: E402

TOPIC = "shop.events"
PARTITIONS, REPLICATION = 6, 3
ORDERS = 10
PATIENCE_SECONDS = 90
ORDER = {"customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 45}]}


class World:
    """The brokers, and a shop and a dispatch with stores of their own."""

    def __init__(self, programs, folder, cluster):
        self.programs, self.folder, self.cluster = programs, pathlib.Path(folder), cluster
        self.shop = self.dispatch = None
        self.placed = 0

    def start(self, name, *flags):
        place = self.folder / name
        place.mkdir(exist_ok=True)
        started = Shop(self.programs[name], place, flags=(
            "--no-demo", "--bus", f"kafka://{self.cluster.url()}",
            "--set", f"kafka.replication={REPLICATION}", "--set", "kafka.session_timeout=6s",
            "--set", "kafka.delivery_timeout=5s", *flags))
        setattr(self, name, started)
        assert started.wait_ready(), f"the {name} did not start: {started.tail()}"

    def stop(self, name):
        process = getattr(self, name)
        assert process.stop() == 0, f"the {name} did not end well: {process.tail()}"

    def place_orders(self):
        for _ in range(ORDERS):
            self.placed += 1
            status, _, told = post(self.shop.url("/api/v1/orders"), f"order-{self.placed}", ORDER)
            assert status == 201, f"an order was not taken: {status} {told}"

    def stored(self):
        """Public events of the shop's log."""
        with sqlite3.connect(f"file:{self.folder}/shop/shop.db?mode=ro", uri=True) as log:
            return log.execute("SELECT count(*) FROM events WHERE name NOT LIKE 'tidemark.%'"
                               ).fetchone()[0]

    def overview(self):
        return call(self.shop.admin("/admin/v1/overview"))[2]

    def consumer(self):
        return call(self.dispatch.admin("/admin/v1/consumers"))[2]["items"][0]

    def bus_check(self, process):
        checks = call(process.admin("/readyz"))[2]["checks"]
        return next(one for one in checks if one["name"] == "bus")

    def all_taken(self):
        """The shop has nothing more to say, and all of it has taken effect."""
        told = self.overview()
        is_done = all(saga["running"] == 0 for saga in told["sagas"])
        is_said = told["relay"][0]["pending"] == 0
        return is_done and is_said and self.consumer()["applied"] == self.stored()

    def settle(self, when):
        wait_for(lambda: f"all has taken effect {when}: {self.stored()} events; {self.overview()}; "
                         f"{self.consumer()}", self.all_taken, PATIENCE_SECONDS)
        assert self.consumer()["waiting_streams"] == 0, f"streams wait: {self.consumer()}"

    def is_named(self, process, *parts):
        told = str(self.bus_check(process))
        return all(part in told for part in parts)

    def wait_named(self, process, *parts):
        wait_for(lambda: f"readiness says {parts}: {self.bus_check(process)}",
                 lambda: self.is_named(process, *parts), PATIENCE_SECONDS)

    def end(self):
        for process in (self.shop, self.dispatch):
            if process is not None and process.process.poll() is None:
                process.kill()


def run(world):
    forbidden = ("--set", "kafka.create_topics=false")
    world.start("shop", *forbidden)
    world.start("dispatch", *forbidden)
    assert post(world.shop.url("/api/v1/inventory/apple/restock"), "stock",
                {"quantity": 1_000_000})[0] == 204
    world.wait_named(world.shop, TOPIC, f"create it with {PARTITIONS} partitions")
    world.wait_named(world.dispatch, TOPIC, "does not exist")
    world.cluster.create_topic(TOPIC, PARTITIONS, REPLICATION)
    world.place_orders()
    world.settle("once the topic was made")

    world.cluster.delete_topic(TOPIC)
    world.place_orders()
    world.wait_named(world.shop, TOPIC, f"create it with {PARTITIONS} partitions")
    world.wait_named(world.dispatch, TOPIC, "does not exist")
    world.cluster.create_topic(TOPIC, PARTITIONS, REPLICATION)
    world.settle("once the topic was made again")

    world.stop("shop")
    world.start("shop")
    world.cluster.delete_topic(TOPIC)
    world.place_orders()
    world.settle("once the relay had made the topic again")
    consumer = world.consumer()
    for name in ("shop", "dispatch"):
        world.stop(name)
    return consumer


def main():
    programs = dict(zip(("shop", "dispatch"), sys.argv[1:3]))
    try:
        with tempfile.TemporaryDirectory() as folder, Cluster() as cluster:
            world = World(programs, folder, cluster)
            try:
                consumer = run(world)
            finally:
                world.end()
    except Unavailable as missing:
        print(missing)
        return 77
    print(f"kafka topic: deleted twice; {world.placed} orders placed, {consumer['applied']} events "
          f"took effect once, copies dropped {consumer['duplicates']}, streams that wait "
          f"{consumer['waiting_streams']}")
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
