#!/usr/bin/env python3
"""The shop through PgBouncer in transaction mode: commands, effects, timers, sagas and projections,
also when the server ends every session that the pooler has. Its user owns nothing but what the
migrations, run without the pooler, have granted.

    tests/postgres_pooler_test.py PATH-OF-THE-SHOP"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import crash_test  # noqa: E402
import postgres_crash_test  # noqa: E402
from crash_test import Ledger, settle_unanswered  # noqa: E402
from postgres_cluster import Cluster, Unavailable  # noqa: E402
from postgres_pooler import Pooler  # noqa: E402
from shop_process import Shop, call, post  # noqa: E402

STOCKED = 1_000_000
STORMS, ORDERS_BETWEEN = 3, 40
FLAGS = ("--no-demo", "--set", "postgres.pooled=true", "--set", "postgres.migrate=false")
SESSIONS = "pg_stat_activity WHERE usename = 'clerk'"


def prepare(program, cluster):
    cluster.sql("CREATE DATABASE shop")
    subprocess.run([program, "migrate", "up", "--store", cluster.url("shop")], check=True,
                   capture_output=True, timeout=120)
    cluster.sql("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
    cluster.sql("GRANT tidemark_writer, tidemark_runner, tidemark_projector TO clerk")
    cluster.sql("ALTER ROLE clerk SET search_path = tidemark, pg_catalog, pg_temp")


def stock(shop):
    for sku in crash_test.SKUS:
        status, _, reply = post(shop.url(f"/api/v1/inventory/{sku}/restock"), f"stock-{sku}",
                                {"quantity": STOCKED})
        assert status == 204, f"restocking was told {status}: {reply}"


def serve(shop, cluster):
    """Orders, with storms in between; their ledger."""
    ledger = Ledger()
    clients = postgres_crash_test.Clients(shop, ledger, "p")
    try:
        for _ in range(STORMS):
            postgres_crash_test.wait_for_orders(ledger, ORDERS_BETWEEN)
            cluster.sql(f"SELECT pg_terminate_backend(pid) FROM {SESSIONS}")
        postgres_crash_test.wait_for_orders(ledger, ORDERS_BETWEEN)
    finally:
        clients.end()
    settle_unanswered(shop, ledger)
    crash_test.check_acknowledged(shop, ledger)
    states = crash_test.wait_until_ended(shop, ledger, 300)
    crash_test.check_stock(shop, states, STOCKED)
    _, _, verdict = call(shop.admin("/admin/v1/verify"), timeout=120)
    assert verdict["ok"], f"verify: {verdict}"
    return ledger


def main():
    program = sys.argv[1]
    try:
        with tempfile.TemporaryDirectory() as folder, Cluster() as cluster:
            prepare(program, cluster)
            with Pooler(cluster, "shop", "clerk", "clerk") as between:
                shop = Shop(program, folder, store=between.url(), flags=FLAGS)
                try:
                    assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
                    stock(shop)
                    ledger = serve(shop, cluster)
                    code = shop.stop()
                    assert code == 0, f"the shop ended with {code}: {shop.tail()}"
                except BaseException:
                    shop.kill()
                    raise
    except Unavailable as missing:
        print(missing)
        assert not os.environ.get("TIDEMARK_STRICT"), "nothing may be skipped"
        return 77
    print(f"pooler: {len(ledger.acknowledged)} orders acknowledged, all there, all ended; answers "
          f"lost: {ledger.committed_unanswered} committed, {ledger.aborted_unanswered} not")
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
