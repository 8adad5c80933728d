#!/usr/bin/env python3
"""kill -9 of the real shop under load, aimed around the commit (strace delivers SIGKILL at the
k-th call of a kind), 20 times on one database file.

Held to: every acknowledged order is there afterwards; a key whose answer got lost is answered as
the first time once it was stored; nothing is stored twice; every order and its saga ends; stock and
orders agree. A run without a command that was committed but not answered proves nothing and fails.

    tests/crash_test.py PATH-OF-THE-SHOP [ROUNDS]"""

import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


from shop_process import Shop, call, post

CLIENTS = 8
# Around the commit: before the frames are written, before they are synced, before the answer.
AIMS = ("sendto", "fdatasync", "pwrite64", "sendto")
# Calls of one thread before the aimed one, counted from the start of the program.
COUNTS = {"sendto": (12, 80), "fdatasync": (30, 300), "pwrite64": (60, 400)}
SKUS = ("apple", "bread", "coffee")
KINDS = ("ready", "leased", "waiting", "timers", "parked")
# Of an effect whose command does not say otherwise.
ATTEMPTS = 5


class Ledger:
    """What the clients know: acknowledged, and sent without an answer."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = {}
        self.unanswered = {}
        self.committed_unanswered = 0
        self.aborted_unanswered = 0

    def note(self, key, body, reply):
        with self.lock:
            if reply is None:
                self.unanswered[key] = body
            else:
                self.acknowledged[key] = (reply["id"], reply["version"], body)


def order_of(rng):
    lines = [{"sku": sku, "quantity": rng.randint(1, 3), "price": 100}
             for sku in rng.sample(SKUS, rng.randint(1, 2))]
    return {"customer": f"c{rng.randint(1, 5)}", "lines": lines}


def drive(shop, ledger, seed, stop):
    rng = random.Random(seed)
    number = 0
    while not stop.is_set():
        key, body = f"{seed}-{number}", order_of(rng)
        number += 1
        try:
            status, _, reply = post(shop.url("/api/v1/orders"), key, body)
        except OSError:
            ledger.note(key, body, None)
            return
        if status == 201:
            ledger.note(key, body, reply)
        elif status in (429, 503, 504):
            # Not known, or not yet: settled at the end like an answer that was lost.
            ledger.note(key, body, None)
        else:
            raise AssertionError(f"order {key} was told {status}: {reply}")


def tracer_for(aim, count):
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={aim}",
            "-e", f"inject={aim}:signal=SIGKILL:when={count}")


def one_round(program, folder, ledger, number):
    rng = random.Random(1000 + number)
    aim = AIMS[number % len(AIMS)]
    shop = Shop(program, folder, tracer_for(aim, rng.randint(*COUNTS[aim])))
    stop = threading.Event()
    clients = []
    if shop.wait_ready():
        clients = [threading.Thread(target=drive, args=(shop, ledger, f"r{number}c{i}", stop))
                   for i in range(CLIENTS)]
        for one in clients:
            one.start()
        until = time.monotonic() + 20
        while shop.process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
    was_aimed = shop.process.poll() is not None
    stop.set()
    shop.kill()
    for one in clients:
        one.join(30)
    return aim, was_aimed


def settle_unanswered(shop, ledger):
    """Asks what became of each lost answer, then repeats the command under its key."""
    for key, body in list(ledger.unanswered.items()):
        _, _, found = call(shop.url(f"/api/v1/commands/{key}"))
        status, fields, reply = post(shop.url("/api/v1/orders"), key, body)
        assert status == 201, f"repeating {key} was told {status}: {reply}"
        if found["state"] == "committed":
            ledger.committed_unanswered += 1
            assert fields["Idempotency-Replayed"] == "true", f"{key} was carried out again"
            assert reply["version"] == found["version"], f"{key}: {reply} is not {found}"
        else:
            assert found["state"] == "undecided", f"{key}: {found}"
            ledger.aborted_unanswered += 1
        ledger.acknowledged[key] = (reply["id"], reply["version"], body)
        del ledger.unanswered[key]


def check_acknowledged(shop, ledger):
    for key, (order, version, body) in ledger.acknowledged.items():
        status, _, events = call(shop.url(f"/api/v1/orders/{order}/events"))
        assert status == 200, f"acknowledged order {key} ({order}) is gone: {status}"
        placed = [e for e in events["items"] if e["name"] == "order.placed.v1"]
        assert len(placed) == 1, f"order {key} was placed {len(placed)} times"
        assert placed[0]["version"] == version, f"order {key}: {placed[0]} is not version {version}"
        assert placed[0]["payload"]["customer"] == body["customer"], f"order {key} is another one"


def wait_until_ended(shop, ledger, seconds=240):
    """Every order is decided and every saga has ended; the orders' states."""
    until = time.monotonic() + seconds
    left = {order for order, _, _ in ledger.acknowledged.values()}
    states = {}
    is_replayed = False
    while True:
        for order in list(left):
            _, _, state = call(shop.url(f"/api/v1/orders/{order}"))
            if state["status"] != "placed":
                states[order] = state
                left.remove(order)
        effects = call(shop.admin("/admin/v1/overview"))[2]["effects"]
        is_at_work = effects["ready"] or effects["leased"]
        if not left and not any(effects[kind] for kind in KINDS):
            return states
        # What stands behind a dead letter waits for it, and so does its order.
        if effects["parked"] and not is_at_work:
            assert not is_replayed, f"dead letters stay: {letters_of(shop)}"
            replay_letters(shop)
            is_replayed = True
        assert time.monotonic() < until, \
            f"{len(left)} orders are not decided, such as {sorted(left)[:3]}; {effects}"
        time.sleep(0.2)


def letters_of(shop):
    return call(shop.admin("/admin/v1/dead-letters"))[2]["items"]


def replay_letters(shop):
    """As an operator does. Every kill counts as an attempt of what was in flight, so that an effect
    can be out of attempts; what was acknowledged must come to its end all the same."""
    letters = letters_of(shop)
    print(f"{len(letters)} dead letters are replayed: {letters}", flush=True)
    for letter in letters:
        assert letter["attempt"] >= ATTEMPTS, f"not out of attempts: {letter}"
        status, _, answer = call(shop.admin(f"/admin/v1/dead-letters/{letter['effect']}/replay"),
                                 "POST", {"actor": "crash test", "reason": "out of attempts"},
                                 {"Content-Type": "application/json", "Tidemark-Admin": "1"})
        assert status == 200, f"not replayed: {status} {answer}"


def check_stock(shop, states, stocked):
    """What was delivered is on the shelf or promised to a confirmed order, nothing else."""
    for sku in SKUS:
        _, _, row = call(shop.url(f"/api/v1/inventory/{sku}"))
        sold = sum(line["quantity"] for state in states.values() if state["status"] == "confirmed"
                   for line in state["lines"] if line["sku"] == sku)
        assert row["reserved"] == sold, f"{sku}: {row['reserved']} reserved, {sold} sold"
        assert row["available"] + sold == stocked, f"{sku}: {row} of {stocked}, {sold} sold"


def main():
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    if shutil.which("strace") is None:
        print("strace is not installed: nothing was aimed")
        return 77
    ledger = Ledger()
    stocked = 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(program, folder)
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        for sku in SKUS:
            status, _, reply = post(shop.url(f"/api/v1/inventory/{sku}/restock"), f"stock-{sku}",
                                    {"quantity": stocked})
            assert status == 204, f"restocking was told {status}: {reply}"
        shop.kill()
        aimed = {}
        for number in range(rounds):
            aim, was_aimed = one_round(program, folder, ledger, number)
            aimed[aim] = aimed.get(aim, 0) + was_aimed
        shop = Shop(program, folder)
        try:
            assert shop.wait_ready(), f"the shop did not start again: {shop.tail()}"
            settle_unanswered(shop, ledger)
            check_acknowledged(shop, ledger)
            states = wait_until_ended(shop, ledger)
            check_stock(shop, states, stocked)
            _, _, verdict = call(shop.admin("/admin/v1/verify"), timeout=120)
            assert verdict["ok"], f"verify: {verdict}"
            code = shop.stop()
            assert code == 0, f"the shop ended with {code}: {shop.tail()}"
        except BaseException:
            shop.kill()
            raise
    print(f"crash: {rounds} rounds, killed at {aimed}; {len(ledger.acknowledged)} orders "
          f"acknowledged, all there; answers lost: {ledger.committed_unanswered} committed, "
          f"{ledger.aborted_unanswered} not; 0 lost, 0 doubled")
    assert sum(aimed.values()) * 2 > rounds, f"INCONCLUSIVE: too few kills landed: {aimed}"
    assert ledger.committed_unanswered > 0, "INCONCLUSIVE: no command was committed but unanswered"
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
