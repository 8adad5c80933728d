#!/usr/bin/env python3
"""What /metrics of the running shop serves: clean for promtool, and every number that an order must
move has moved.

    tests/metrics_test.py PATH-OF-THE-SHOP"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shop_process import Shop, call, post

# Series that are above zero once an order has gone its way.
MOVED = (
    'tidemark_command_duration_seconds_count{aggregate="order"}',
    'tidemark_command_duration_seconds_count{aggregate="checkout"}',
    'tidemark_events_appended_total{aggregate="order"}',
    'tidemark_events_appended_total{aggregate="inventory"}',
    'tidemark_events_appended_total{aggregate="payment"}',
    'tidemark_effects_total{',
    'tidemark_http_request_duration_seconds_count{',
    'tidemark_build_info{',
    'process_resident_memory_bytes',
)
SERVED = (
    "tidemark_projection_lag_events",
    'tidemark_dlq_entries{queue="effect"}',
    'tidemark_dlq_oldest_age_seconds{queue="effect"}',
    'tidemark_dlq_replayed_total{outcome="replayed"}',
    'tidemark_mailbox_depth{aggregate="order"}',
    "tidemark_effects_in_flight",
)


def values(text):
    out = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            out[name] = float(value)
    return out


def order_and_wait(shop):
    status, _, _ = post(shop.url("/api/v1/inventory/apple/restock"), "s", {"quantity": 100})
    assert status == 204, f"restocking was told {status}"
    status, _, placed = post(shop.url("/api/v1/orders"), "k", {
        "customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 45}]})
    assert status == 201, f"the order was told {status}: {placed}"
    until = time.monotonic() + 30
    while time.monotonic() < until:
        _, _, state = call(shop.url(f"/api/v1/orders/{placed['id']}"))
        if state["status"] != "placed":
            return
        time.sleep(0.05)
    raise AssertionError("the order was not decided within 30 s")


def main():
    if shutil.which("promtool") is None:
        print("promtool is not installed")
        return 1 if os.environ.get("TIDEMARK_STRICT") else 77
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(sys.argv[1], folder)
        try:
            assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
            order_and_wait(shop)
            _, _, text = call(shop.admin("/metrics"))
        finally:
            shop.kill()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                             capture_output=True, check=False)
    assert checked.returncode == 0, f"promtool: {checked.stdout}{checked.stderr}"
    seen = values(text)
    for name in MOVED:
        moved = sum(value for series, value in seen.items() if series.startswith(name))
        assert moved > 0, f"{name} did not move"
    for name in SERVED:
        assert any(series.startswith(name) for series in seen), f"{name} is not served"
    print(f"metrics: {len(seen)} series, promtool content\n2 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
