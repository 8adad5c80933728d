#!/usr/bin/env python3
"""A drain that runs out of time: a payment provider that never answers holds an effect when the
shop is told to stop. It must say what is left, end within its bound with the documented code, and
lose nothing: the next start finds the effect and finishes the order.

    tests/drain_test.py PATH-OF-THE-SHOP"""

import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shop_process import Shop, call, post, wait_for

DRAIN_SECONDS = 1
# Above the drain's own bound: what a busy machine may add to it. A drain that waited for the
# provider would take a minute.
EXIT_SECONDS = 20


def flags(latency):
    return ("--no-demo", "--set", f"runtime.drain={DRAIN_SECONDS}s",
            "--set", f"payment.latency={latency}", "--set", "payment.decline_rate=0")


def place_order(shop):
    status, _, _ = post(shop.url("/api/v1/inventory/apple/restock"), "s", {"quantity": 10})
    assert status == 204, f"restocking was told {status}"
    status, _, placed = post(shop.url("/api/v1/orders"), "k", {
        "customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 45}]})
    assert status == 201, f"the order was told {status}: {placed}"
    return placed["id"]


def status_of(shop, order):
    _, _, state = call(shop.url(f"/api/v1/orders/{order}"))
    return state["status"]


def effects_of(shop):
    _, _, overview = call(shop.admin("/admin/v1/overview"))
    return overview["effects"]


def is_paying(shop):
    """The command to pay has been carried out, so what is in flight is the call to the provider."""
    _, _, numbers = call(shop.admin("/metrics"))
    sent = 'tidemark_effects_total{type="payment.collect.v1",outcome="done"} 1'
    return sent in numbers and effects_of(shop)["in_flight"] == 1


def drained_line(log):
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    drained = [line for line in lines if line["message"] == "drained"]
    assert len(drained) == 1, f"the log says {len(drained)} times that it drained: {log}"
    return drained[0]


def cut_short(program, folder):
    """The order whose payment was under way when the process ended."""
    shop = Shop(program, folder, flags=flags("1min"))
    try:
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        order = place_order(shop)
        wait_for("the payment is under way", lambda: is_paying(shop))
        assert status_of(shop, order) == "placed"
        began = time.monotonic()
        code = shop.stop(EXIT_SECONDS)
        took = time.monotonic() - began
    except BaseException:
        shop.kill()
        raise
    log = (pathlib.Path(folder) / "shop.log").read_text(errors="replace")
    assert code == 0, f"the exit code is {code}: {log}"
    assert took >= DRAIN_SECONDS / 2, f"it did not wait: {took} s, {log}"
    line = drained_line(log)
    assert line["level"] == "warn", f"running out of time is no warning: {line}"
    assert line["unfinished"] == 1 and line["unfinished_effects"] == 1, f"{line}"
    assert line["unfinished_commands"] == 0, f"{line}"
    assert "1 left for the next start: 0 commands, 1 effects" in log, log
    return order


def find_again(program, folder, order):
    (pathlib.Path(folder) / "shop.log").unlink()
    shop = Shop(program, folder, flags=flags("1ms"))
    try:
        assert shop.wait_ready(), f"the shop did not start again: {shop.tail()}"
        effects = effects_of(shop)
        found = sum(effects[kind] for kind in ("ready", "leased", "waiting", "timers"))
        status = status_of(shop, order)
        assert found > 0 or status != "placed", f"nothing was found again: {effects}"
        wait_for("the order is confirmed", lambda: status_of(shop, order) == "confirmed", 60)
        _, _, provider = call(shop.url("/sim/payments"))
        assert provider["books"]["charges"] == 1, f"{provider}"
        _, _, verified = call(shop.admin("/admin/v1/verify"), timeout=60)
        assert verified["ok"], f"{verified}"
        code = shop.stop(EXIT_SECONDS)
    except BaseException:
        shop.kill()
        raise
    log = (pathlib.Path(folder) / "shop.log").read_text(errors="replace")
    assert code == 0, f"the exit code of the second run is {code}"
    line = drained_line(log)
    assert line["unfinished"] == 0 and line["level"] == "info", f"{line}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        order = cut_short(sys.argv[1], folder)
        print("drain: out of time, it said what was left and ended")
        find_again(sys.argv[1], folder, order)
        print("drain: the next start found it and finished the order")
    print("2 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
