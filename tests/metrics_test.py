#!/usr/bin/env python3
"""What /metrics of the running shop serves: clean for promtool, and every number that an order must
move has moved. The alerting rules are of numbers that are served.

    tests/metrics_test.py PATH-OF-THE-SHOP"""

import os
import pathlib
import re
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


def check_alerts():
    """How many rules there are; each is read by promtool and asks for metrics that exist."""
    docs = pathlib.Path(__file__).resolve().parent.parent / "docs"
    rules = (docs / "alerts.yml").read_text()
    page = (docs / "metrics.md").read_text()
    expressions = re.findall(r"^ +expr: (.+)$", rules, re.M)
    assert expressions and len(expressions) == len(re.findall(r"^ +- alert: ", rules, re.M))
    for expression in expressions:
        named = re.findall(r"\b(?:tidemark|process)_\w+", expression)
        assert named, f"this rule asks for nothing of ours: {expression}"
        for name in named:
            assert f"| `{name}` |" in page, f"{name}, which a rule asks for, is no metric"
    checked = subprocess.run(["promtool", "check", "rules", docs / "alerts.yml"], text=True,
                             capture_output=True, check=False)
    assert checked.returncode == 0, f"promtool: {checked.stdout}{checked.stderr}"
    return len(expressions)


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
    rules = check_alerts()
    print(f"metrics: {len(seen)} series, {rules} alerting rules, promtool content")
    print("3 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
