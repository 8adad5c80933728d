#!/usr/bin/env python3
"""kill -9 on both sides of a PostgreSQL store while orders arrive: of the shop (strace delivers
SIGKILL at the k-th call of a kind), of one of two shops that share the database, of one session's
server process, of the whole server; and sessions ended in storms.

Held to, as in crash_test.py: every acknowledged order is there afterwards; a key whose answer got
lost is answered as the first time once it was stored; nothing is stored twice; every order and its
saga ends; stock and orders agree. A shop whose server died goes on by itself. What a killed shop
had begun, the one beside it ends.

    tests/postgres_crash_test.py PATH-OF-THE-SHOP [ROUNDS]"""

import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import crash_test  # noqa: E402
from crash_test import Ledger, drive, settle_unanswered, tracer_for  # noqa: E402
from postgres_cluster import Cluster, Unavailable  # noqa: E402
from shop_process import Shop, call, post  # noqa: E402

CLIENTS = 8
FAULTS = ("shop", "server", "session", "storm", "pair")
# Calls of one thread of the shop before the aimed one: what is sent to the server and to clients,
# and what comes back.
COUNTS = {"sendto": (40, 250), "recvfrom": (40, 250)}
STORM_SECONDS, STORM_PAUSE_SECONDS = 1.5, 0.1
SESSIONS = "pg_stat_activity WHERE application_name = 'tidemark'"


class Clients:
    """Orders that arrive until told otherwise."""

    def __init__(self, shop, ledger, seed):
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(shop, ledger, f"{seed}c{i}"))
                        for i in range(CLIENTS)]
        for one in self.threads:
            one.start()

    def run(self, shop, ledger, seed):
        # A client whose connection broke comes again, unless the shop is gone.
        again = 0
        while not self.stop.is_set() and shop.process.poll() is None:
            drive(shop, ledger, f"{seed}t{again}", self.stop)
            again += 1

    def end(self):
        self.stop.set()
        for one in self.threads:
            one.join(60)
            assert not one.is_alive(), "a client hangs"


def wait_for_orders(ledger, more, seconds=60):
    """Until so many more orders were acknowledged."""
    wanted, until = len(ledger.acknowledged) + more, time.monotonic() + seconds
    while len(ledger.acknowledged) < wanted:
        assert time.monotonic() < until, f"no {more} orders within {seconds} s"
        time.sleep(0.02)


def kill_shop(program, folder, cluster, ledger, rng):
    """A shop that is killed at a call around the commit; whether it was."""
    aim = rng.choice(list(COUNTS))
    shop = Shop(program, folder, tracer_for(aim, rng.randint(*COUNTS[aim])),
                store=cluster.url("shop"))
    clients = None
    if shop.wait_ready():
        clients = Clients(shop, ledger, f"k{rng.random()}")
    until = time.monotonic() + 20
    while shop.process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    has_landed = shop.process.poll() is not None
    if clients:
        clients.stop.set()
    shop.kill()
    if clients:
        clients.end()
    return has_landed


def hurt_server(fault, cluster, rng):
    """What happens to the server while the shop serves."""
    if fault == "server":
        cluster.kill()
        cluster.start()
    elif fault == "session":
        pids = cluster.sql(f"SELECT pid FROM {SESSIONS}").split()
        os.kill(int(rng.choice(pids)), signal.SIGKILL)
    else:
        until = time.monotonic() + STORM_SECONDS
        while time.monotonic() < until:
            cluster.sql(f"SELECT count(pg_terminate_backend(pid)) FROM {SESSIONS}")
            time.sleep(STORM_PAUSE_SECONDS)


def show_what_is(fault, cluster, shop):
    """What a person would look at first."""
    print(f"after the fault '{fault}' on port {cluster.port}:\n{shop.tail()}\n"
          f"{cluster.log_tail()}", flush=True)
    print(cluster.sql("SELECT pid, state, wait_event_type, wait_event, xact_start, query "
                      f"FROM {SESSIONS}"), flush=True)
    for path in ("/readyz", "/admin/v1/overview", "/metrics"):
        print(call(shop.admin(path))[2], flush=True)


def live_through(fault, program, folder, cluster, ledger, rng):
    """A shop that lives through it, and takes orders again afterwards."""
    shop = Shop(program, folder, store=cluster.url("shop"))
    try:
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        clients = Clients(shop, ledger, f"s{rng.random()}")
        try:
            wait_for_orders(ledger, 20)
            hurt_server(fault, cluster, rng)
            wait_for_orders(ledger, 20)
        except AssertionError:
            show_what_is(fault, cluster, shop)
            raise
        finally:
            clients.end()
        assert shop.process.poll() is None, f"the shop died with {fault}: {shop.tail()}"
    finally:
        shop.kill()
    return True


def lose_one_of_two(program, folder, cluster, ledger, rng):
    """Two shops on one database; one is killed, and the other ends what both have taken."""
    other = pathlib.Path(folder) / "other"
    other.mkdir(exist_ok=True)
    shops = [Shop(program, place, store=cluster.url("shop")) for place in (folder, other)]
    try:
        for shop in shops:
            assert shop.wait_ready(), f"a shop did not start: {shop.tail()}"
        clients = [Clients(shop, ledger, f"p{i}{rng.random()}") for i, shop in enumerate(shops)]
        try:
            wait_for_orders(ledger, 40)
            clients[0].stop.set()
            shops[0].kill()
            wait_for_orders(ledger, 10)
        finally:
            for some in clients:
                some.end()
        crash_test.wait_until_ended(shops[1], ledger, 300)
    finally:
        for shop in shops:
            if shop.process.poll() is None:
                shop.kill()
    return True


def settle(program, folder, cluster, ledger, stocked):
    shop = Shop(program, folder, store=cluster.url("shop"))
    try:
        assert shop.wait_ready(), f"the shop did not start again: {shop.tail()}"
        settle_unanswered(shop, ledger)
        crash_test.check_acknowledged(shop, ledger)
        states = crash_test.wait_until_ended(shop, ledger, 300)
        crash_test.check_stock(shop, states, stocked)
        _, _, verdict = call(shop.admin("/admin/v1/verify"), timeout=120)
        assert verdict["ok"], f"verify: {verdict}"
        code = shop.stop()
        assert code == 0, f"the shop ended with {code}: {shop.tail()}"
    except BaseException:
        shop.kill()
        raise


def stock_up(program, folder, cluster, stocked):
    shop = Shop(program, folder, store=cluster.url("shop"))
    assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
    for sku in crash_test.SKUS:
        status, _, reply = post(shop.url(f"/api/v1/inventory/{sku}/restock"), f"stock-{sku}",
                                {"quantity": stocked})
        assert status == 204, f"restocking was told {status}: {reply}"
    shop.kill()


def main():
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    if shutil.which("strace") is None:
        print("strace is not installed: nothing was aimed")
        return 77
    rng, ledger, stocked = random.Random(4), Ledger(), 1_000_000
    landed = dict.fromkeys(FAULTS, 0)
    try:
        with tempfile.TemporaryDirectory() as folder, Cluster() as cluster:
            cluster.sql("CREATE DATABASE shop")
            stock_up(program, folder, cluster, stocked)
            for number in range(rounds):
                fault = FAULTS[number % len(FAULTS)]
                if fault == "shop":
                    landed[fault] += kill_shop(program, folder, cluster, ledger, rng)
                elif fault == "pair":
                    landed[fault] += lose_one_of_two(program, folder, cluster, ledger, rng)
                else:
                    landed[fault] += live_through(fault, program, folder, cluster, ledger, rng)
            settle(program, folder, cluster, ledger, stocked)
    except Unavailable as missing:
        print(missing)
        return 77
    print(f"crash on PostgreSQL: {rounds} rounds, {landed}; {len(ledger.acknowledged)} orders "
          f"acknowledged, all there; answers lost: {ledger.committed_unanswered} committed, "
          f"{ledger.aborted_unanswered} not; 0 lost, 0 doubled")
    assert sum(landed.values()) * 2 > rounds, f"INCONCLUSIVE: too few faults landed: {landed}"
    assert ledger.committed_unanswered > 0, "INCONCLUSIVE: no command was committed but unanswered"
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
