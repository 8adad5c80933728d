#!/usr/bin/env python3
"""One service orders something of another one over three real brokers: the dispatch asks the shop
to ship what was packed, while the shop is killed.

Held to: each order was shipped once, whatever copies of the request there are; who was told so was
told the truth; what was asked while the shop was dead is answered after its restart.

    tests/kafka_commands_test.py SHOP DISPATCH [ROUNDS]      (paths of the programs)"""

import pathlib
import random
import re
import sqlite3
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from kafka_cluster import Cluster, Unavailable  # noqa: E402
from kafka_relay_test import wait_until  # noqa: E402
from shop_process import Shop, call, post  # noqa: E402

TOPIC = "shop.commands"
ORDERS = 6
ANSWER_SECONDS = 90


def start(program, folder, cluster, name):
    """It comes back under its name, so that its partitions need not wait for its session."""
    process = Shop(program, folder / name, flags=(
        "--no-demo", "--bus", f"kafka://{cluster.url()}", "--set", "kafka.replication=3",
        "--set", f"kafka.member_id={name}", "--set", "kafka.session_timeout=6s",
        "--set", f"bus.commands={TOPIC}",
        *(("--set", "payment.decline_rate=0", "--set", "payment.failure_rate=0")
          if name == "shop" else ())))
    assert process.wait_ready(), f"the {name} did not start: {process.tail()}"
    return process


def send(dispatch, order, key=None, tracking=None):
    """Asks the dispatch, once, to send a parcel."""
    return post(dispatch.url(f"/api/v1/parcels/{order}/send"), key or f"send-{order}",
                {"tracking": tracking or f"T-{order}"}, timeout=30)


class Asking(threading.Thread):
    """Asks the dispatch to send a parcel, with one key, until it is told what became of it."""

    def __init__(self, dispatch, order):
        super().__init__()
        self.dispatch, self.order, self.told, self.unknown = dispatch, order, None, 0
        self.start()

    def run(self):
        until = time.monotonic() + ANSWER_SECONDS
        while self.told is None and time.monotonic() < until:
            status, fields, body = send(self.dispatch, self.order)
            if status in (204, 409):
                self.told = (status, fields.get("ETag"), body)
            else:
                self.unknown += 1

    def answer(self):
        self.join(ANSWER_SECONDS + 60)
        assert self.told is not None, f"order {self.order} was not answered"
        assert self.told[0] == 204, f"order {self.order}: {self.told}"
        return self.told


def metric(process, name):
    """The sum of a family's series; a missing one is 0."""
    text = call(process.admin("/metrics"))[2]
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text,
                                                    re.MULTILINE))


def place(shop, count):
    """Ids of orders that were paid for."""
    body = {"customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 5}]}
    placed = []
    for _ in range(count):
        status, _, told = post(shop.url("/api/v1/orders"), f"place-{random.random()}", body)
        assert status == 201, (status, told)
        placed.append(told["id"])
    for order in placed:
        wait_until(f"order {order} is confirmed", lambda order=order: call(
            shop.url(f"/api/v1/orders/{order}"))[2].get("status") == "confirmed")
    return placed


def ask_and_ask_again(world):
    """With a key that comes again the answer is the first one."""
    order = place(world["shop"], 1)[0]
    first = Asking(world["dispatch"], order).answer()
    status, fields, _ = send(world["dispatch"], order)
    assert (status, fields.get("ETag")) == (204, first[1]), (status, fields, first)
    assert fields.get("Idempotency-Replayed") == "true", fields
    status, _, told = send(world["dispatch"], order, key="another", tracking="T-2")
    assert (status, told["code"]) == (409, "not_confirmed"), (status, told)


def kill_between(world):
    """Asked before, at and after the death of the shop. Landed: somebody waits while it is dead."""
    orders = place(world["shop"], ORDERS)
    early = [Asking(world["dispatch"], order) for order in orders[:ORDERS // 2]]
    time.sleep(world["rng"].uniform(0, 0.05))
    world["shop"].kill()
    late = [Asking(world["dispatch"], order) for order in orders[ORDERS // 2:]]
    wait_until("somebody waits for the dead shop", lambda: metric(
        world["dispatch"], "tidemark_bus_asks_waiting") >= len(late))
    world["shop"] = world["start"]()
    for one in early + late:
        one.answer()
    return sum(one.unknown for one in early + late)


def shipped(folder):
    """How often each order was shipped, by the shop's log."""
    with sqlite3.connect(f"file:{folder}/shop/shop.db?mode=ro", uri=True) as log:
        return log.execute("SELECT count(*), count(DISTINCT stream) FROM events "
                           "WHERE name = 'order.shipped.v1'").fetchone()


def run(programs, folder, cluster, rounds):
    world = {"rng": random.Random(rounds),
             "start": lambda: start(programs[0], folder, cluster, "shop")}
    for name in ("shop", "dispatch"):
        (folder / name).mkdir()
    world["shop"] = world["start"]()
    world["dispatch"] = None
    try:
        world["dispatch"] = start(programs[1], folder, cluster, "dispatch")
        assert post(world["shop"].url("/api/v1/inventory/apple/restock"), "stock",
                    {"quantity": 1_000})[0] == 204
        ask_and_ask_again(world)
        unknown = sum(kill_between(world) for _ in range(rounds))
        asked = metric(world["dispatch"], "tidemark_bus_commands_asked_total")
        for name in ("dispatch", "shop"):
            assert world[name].stop() == 0, f"the {name} did not end well: {world[name].tail()}"
    finally:
        for name in ("shop", "dispatch"):
            if world[name] is not None and world[name].process.poll() is None:
                world[name].kill()
    return unknown, asked


def main():
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as place_of, Cluster() as cluster:
            folder = pathlib.Path(place_of)
            unknown, asked = run(sys.argv[1:3], folder, cluster, rounds)
            times, orders = shipped(folder)
    except Unavailable as missing:
        print(missing)
        return 77
    wanted = 1 + rounds * ORDERS
    assert times == orders == wanted, f"{times} shipments of {orders} orders, {wanted} asked for"
    print(f"kafka commands: {orders} orders shipped once each, asked {asked:.0f} times; the shop "
          f"killed {rounds} times, {unknown} answers unknown before they were told, in "
          f"{time.monotonic() - began:.0f} seconds")
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
