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
    'tidemark_event_append_duration_seconds_count{store="sqlite",outcome="committed"}',
    'tidemark_event_load_duration_seconds_count{aggregate="order"}',
    'tidemark_decide_duration_seconds_count{aggregate="order"}',
    'tidemark_snapshots_total{outcome="saved"}',
    'tidemark_effects_total',
    'tidemark_effect_duration_seconds_count',
    'tidemark_bus_publish_duration_seconds_count{topic="shop.events",outcome="persisted"}',
    'tidemark_saga_duration_seconds_count{saga="checkout",outcome="completed"}',
    'tidemark_saga_duration_seconds_count{saga="checkout",outcome="failed"}',
    'tidemark_saga_compensations_total{saga="checkout"}',
    'tidemark_http_request_duration_seconds_count',
    'tidemark_build_info',
    'process_resident_memory_bytes',
)
# Series that are back at zero once all of it is done.
RESTED = (
    "tidemark_relay_pending_events",
    "tidemark_relay_oldest_age_seconds",
    "tidemark_projection_lag_events",
    'tidemark_sagas{saga="checkout",state="running"}',
)
SERVED = (
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


def restock(shop, times):
    """A snapshot of the stock is due every hundred events."""
    for number in range(times):
        status, _, _ = post(shop.url("/api/v1/inventory/apple/restock"), f"s{number}",
                            {"quantity": 1})
        assert status == 204, f"restocking was told {status}"


def order_and_wait(shop, sku):
    status, _, placed = post(shop.url("/api/v1/orders"), f"order {sku}".replace(" ", "-"), {
        "customer": "ada", "lines": [{"sku": sku, "quantity": 1, "price": 45}]})
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


def labels(series):
    return set(re.findall(r'\w+="[^"]*"', series))


def found_in(seen, wanted):
    """Values of the series with this name and these labels, whatever others they have."""
    name = wanted.partition("{")[0]
    return [value for series, value in seen.items()
            if series.partition("{")[0] == name and labels(wanted) <= labels(series)]


def missing(seen):
    """What has not moved, or has not come to rest."""
    out = [f"{name} did not move" for name in MOVED if sum(found_in(seen, name)) <= 0]
    for name in RESTED:
        found = found_in(seen, name)
        if not found or any(found):
            out.append(f"{name} is {found}, not at rest")
    return out


def read_when_done(shop):
    """The page once all of it is counted: sagas and the relay go on after an order is decided."""
    until = time.monotonic() + 60
    while True:
        _, _, text = call(shop.admin("/metrics"))
        if not missing(values(text)) or time.monotonic() > until:
            return text
        time.sleep(0.1)


def main():
    if shutil.which("promtool") is None:
        print("promtool is not installed")
        return 1 if os.environ.get("TIDEMARK_STRICT") else 77
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(sys.argv[1], folder)
        try:
            assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
            status, _, _ = post(shop.url("/sim/payments"), "knobs", {
                "decline_rate": 0, "failure_rate": 0, "latency": 1000})
            assert status == 204, f"the payment provider was told {status}"
            restock(shop, 100)
            order_and_wait(shop, "apple")
            order_and_wait(shop, "nothing-of-it")
            text = read_when_done(shop)
        finally:
            shop.kill()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                             capture_output=True, check=False)
    assert checked.returncode == 0, f"promtool: {checked.stdout}{checked.stderr}"
    seen = values(text)
    assert not missing(seen), "; ".join(missing(seen))
    for name in SERVED:
        assert found_in(seen, name), f"{name} is not served"
    rules = check_alerts()
    print(f"metrics: {len(seen)} series, {rules} alerting rules, promtool content")
    print("3 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
