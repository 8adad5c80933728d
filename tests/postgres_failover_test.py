#!/usr/bin/env python3
"""Commits that wait for a standby.

A primary with a synchronous standby is killed while orders arrive, and the standby promoted. The
shop, whose URL names both, finds the new primary by itself, and nothing acknowledged is lost. With
ROUNDS the new primary gets a standby, on the port of the one before, and is killed in its turn.

A commit whose wait for its standby is cut short is stored, but not safe: its caller hears nothing
of success, however often the shop asks, before a standby has it.

    tests/postgres_failover_test.py PATH-OF-THE-SHOP [ROUNDS]"""

import pathlib
import statistics
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import crash_test  # noqa: E402
import postgres_crash_test  # noqa: E402
from crash_test import Ledger, settle_unanswered  # noqa: E402
from postgres_cluster import Cluster, Unavailable  # noqa: E402
from shop_process import Shop, call, post  # noqa: E402

STOCKED = 1_000_000
FOLLOW_SECONDS = 60
CANCELS = 5
WAITING = "pg_stat_activity WHERE wait_event = 'SyncRep'"


def follow(primary, standby):
    """Until every commit of the primary waits for the standby."""
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    primary.sql("SELECT pg_reload_conf()")
    until = time.monotonic() + FOLLOW_SECONDS
    while primary.sql("SELECT sync_state FROM pg_stat_replication") != "sync":
        assert time.monotonic() < until, f"the standby does not follow: {standby.log_tail()}"
        time.sleep(0.1)


def both(primary, standby):
    """The shop's database on either server, the primary of the moment first or not."""
    return primary.url("shop").replace("@127.0.0.1", f"@127.0.0.1:{standby.port},127.0.0.1")


def find_untold(standby, ledger):
    """Between the primary's end and the promotion: every acknowledged order is on the standby; how
    many are there of which nobody was told."""
    until = time.monotonic() + FOLLOW_SECONDS
    while standby.sql("SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()") != "t":
        assert time.monotonic() < until, f"the standby does not replay: {standby.log_tail()}"
    with ledger.lock:
        told = {order for order, _, _ in ledger.acknowledged.values()}
    stored = {stream.partition("-")[2] for stream in standby.sql(
        "SELECT stream FROM tidemark.events WHERE name = 'order.placed.v1'", "shop").split()}
    assert told <= stored, f"acknowledged, but not on the standby: {sorted(told - stored)}"
    return len(stored - told)


def fail_over(shop, primary, standby, ledger, number):
    """Kills the primary under load; seconds until the shop takes orders again, and how many orders
    were stored of which it had not told."""
    clients = postgres_crash_test.Clients(shop, ledger, f"f{number}")
    try:
        postgres_crash_test.wait_for_orders(ledger, 100)
        primary.kill()
        untold = find_untold(standby, ledger)
        standby.sql("SELECT pg_promote()")
        began = time.monotonic()
        # Repetitions of what was under way count as well; later ones come from the standby.
        postgres_crash_test.wait_for_orders(ledger, 50)
        return time.monotonic() - began, untold
    finally:
        clients.end()


def check(shop, ledger):
    settle_unanswered(shop, ledger)
    crash_test.check_acknowledged(shop, ledger)
    states = crash_test.wait_until_ended(shop, ledger, 300)
    crash_test.check_stock(shop, states, STOCKED)
    _, _, verdict = call(shop.admin("/admin/v1/verify"), timeout=120)
    assert verdict["ok"], f"verify: {verdict}"


def run(program, folder, primary, rounds):
    """So many promotions in a row under one shop; what `fail_over` told of each."""
    primary.sql("CREATE DATABASE shop")
    postgres_crash_test.stock_up(program, folder, primary, STOCKED)
    ledger, told, servers, shop = Ledger(), [], [primary], None
    try:
        for number in range(rounds):
            # One that follows takes the port of the one that is gone: both are in the shop's URL.
            standby = Cluster(standby_of=servers[-1])
            servers.append(standby)
            standby.port = servers[-3].port if number else None
            standby.start()
            follow(servers[-2], standby)
            if shop is None:
                shop = Shop(program, folder, store=both(primary, standby))
                assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
            told.append(fail_over(shop, servers[-2], standby, ledger, number))
            assert standby.sql("SELECT pg_is_in_recovery()") == "f", "nobody was promoted"
            servers[-2].remove()
        check(shop, ledger)
        code = shop.stop()
        assert code == 0, f"the shop ended with {code}: {shop.tail()}"
    except BaseException:
        if shop:
            shop.kill()
        raise
    finally:
        for server in servers:
            server.remove()
    return ledger, told


def read_stock(shop, until):
    """The row of the projection, once it has come that far."""
    while True:
        status, _, row = call(shop.url("/api/v1/inventory/apple"))
        if status == 200:
            return row
        assert time.monotonic() < until, f"the stock is not there: {status} {row}"
        time.sleep(0.05)


def cut_waits(server, program, folder):
    """Cuts short the waits of a command's commits for a standby that never comes."""
    server.sql("CREATE DATABASE waits")
    shop = Shop(program, folder, store=server.url("waits"))
    try:
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        server.sql("SELECT pg_reload_conf()")
        told = []
        asking = threading.Thread(target=lambda: told.append(
            post(shop.url("/api/v1/inventory/apple/restock"), "once", {"quantity": 5}, 60)[0]))
        asking.start()
        cut, until = 0, time.monotonic() + FOLLOW_SECONDS
        while cut < CANCELS:
            assert time.monotonic() < until, f"only {cut} waits were cut short"
            assert not told, f"told {told} with no standby that has it, after {cut} cuts"
            cut += int(server.sql(f"SELECT count(pg_cancel_backend(pid)) FROM {WAITING} "
                                  "AND query LIKE 'SELECT%append%'"))
            time.sleep(0.05)
        stored = server.sql("SELECT count(*) FROM tidemark.events "
                            "WHERE stream = 'inventory-apple'", "waits")
        assert stored == "1" and not told, f"{stored} events, told {told}"
        server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        server.sql("SELECT pg_reload_conf()")
        asking.join(60)
        until = time.monotonic() + FOLLOW_SECONDS
        assert told == [204], f"told {told}"
        row = read_stock(shop, until)
        assert row["available"] == 5, f"stored more than once: {row}"
    finally:
        shop.kill()


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    try:
        with tempfile.TemporaryDirectory() as folder, Cluster() as primary:
            cut_waits(primary, sys.argv[1], folder)
            ledger, told = run(sys.argv[1], folder, primary, rounds)
    except Unavailable as missing:
        print(missing)
        return 77
    seconds = [one for one, _ in told]
    print(f"failover: {rounds} promotions, orders again after {statistics.median(seconds):.1f} s, "
          f"at most {max(seconds):.1f} s; {len(ledger.acknowledged)} orders acknowledged, all "
          f"there; stored and not told when the primary ended: {sum(n for _, n in told)}; answers "
          f"lost: {ledger.committed_unanswered} committed, {ledger.aborted_unanswered} not; 0 "
          "lost, 0 doubled")
    print("2 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
