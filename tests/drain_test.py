#!/usr/bin/env python3
"""How the shop stops: idle, at once; under load, when what is in flight has ended; and out of time,
when a payment provider that never answers holds an effect. It says what was drained and what is
left, ends within its bound with the documented code, and loses nothing.

    tests/drain_test.py PATH-OF-THE-SHOP"""

import json
import pathlib
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shop_process import Shop, call, post, wait_for

DRAIN_SECONDS = 1
# Above the drain's own bound: what a busy machine may add to it. A drain that waited for the
# provider would take a minute.
EXIT_SECONDS = 20
# Promised are 2 s and 20 s; a busy machine may take this much longer before it is a failure.
IDLE_SECONDS, LOADED_SECONDS = 2 * 2, 20 * 2
CALLERS = 6
ORDERS_BEFORE_STOP = 30


def flags(latency, drain=DRAIN_SECONDS):
    return ("--no-demo", "--set", f"runtime.drain={drain}s", "--set", f"payment.latency={latency}",
            "--set", "payment.decline_rate=0", "--set", "payment.failure_rate=0")


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


def log_of(folder):
    return (pathlib.Path(folder) / "shop.log").read_text(errors="replace")


def stop(shop, number, seconds):
    """The exit code and the log of a shop that was told to stop."""
    shop.process.send_signal(number)
    code = shop.process.wait(seconds)
    shop.log.close()
    return code, log_of(shop.folder)


def assert_drained(code, log, seconds):
    """Everything ended in time, and the shop said so, to people and to the log."""
    assert code == 0, f"the exit code is {code}: {log}"
    line = drained_line(log)
    assert line["level"] == "info", f"{line}"
    assert line["seconds"] <= seconds, f"it took {line['seconds']} s, {seconds} s are granted"
    left = [line[name] for name in ("unfinished", "unfinished_commands", "unfinished_effects")]
    assert left == [0, 0, 0], f"something is left: {line}"
    said = (f"{line['requests']} requests, {line['commands']} commands, {line['effects']} effects; "
            "0 left for the next start")
    assert "drained in " in log and said in log, f"people are not told: {said}: {log}"
    return line


def stop_idle(program, folder):
    """Ctrl-C on a shop with nothing left to do."""
    shop = Shop(program, folder, flags=flags("1ms", 20))
    try:
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        order = place_order(shop)
        wait_for("the order is confirmed", lambda: status_of(shop, order) == "confirmed", 60)
        wait_for("nothing is in flight", lambda: effects_of(shop)["in_flight"] == 0)
        code, log = stop(shop, signal.SIGINT, IDLE_SECONDS + EXIT_SECONDS)
    except BaseException:
        shop.kill()
        raise
    assert_drained(code, log, IDLE_SECONDS)


class Callers:
    """Place orders, one after the other each, until the shop takes no more."""

    def __init__(self, shop):
        self.shop = shop
        self.acknowledged, self.surprises = [], []
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        for n in range(100_000):
            try:
                status, headers, told = post(self.shop.url("/api/v1/orders"), f"c{number}-{n}", {
                    "customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 45}]})
            except OSError:
                return  # the listener is closed: nobody was promised anything
            if status == 201:
                self.acknowledged.append(told["id"])
                continue
            if (status, told["code"]) != (503, "shutting_down") or not headers["Retry-After"]:
                self.surprises.append((status, told))
            return

    def join(self):
        for thread in self.threads:
            thread.join(EXIT_SECONDS)
        assert not self.surprises, f"callers of a shop that stops were told {self.surprises}"


def stop_loaded(program, folder):
    """The orders that were acknowledged before and while the shop stopped."""
    shop = Shop(program, folder, flags=flags("1s", 20))
    try:
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        post(shop.url("/api/v1/inventory/apple/restock"), "s", {"quantity": 1_000_000})
        callers = Callers(shop)
        wait_for("orders and payments are under way",
                 lambda: len(callers.acknowledged) >= ORDERS_BEFORE_STOP
                 and effects_of(shop)["in_flight"] >= CALLERS, 60)
        code, log = stop(shop, signal.SIGTERM, LOADED_SECONDS + EXIT_SECONDS)
        callers.join()
    except BaseException:
        shop.kill()
        raise
    line = assert_drained(code, log, LOADED_SECONDS)
    assert line["effects"] >= 1, f"payments were under way and none was waited for: {line}"
    print(f"drain: {line['seconds']:.1f} s for {line['requests']} requests, {line['commands']} "
          f"commands, {line['effects']} effects")
    return callers.acknowledged


def find_all(program, folder, orders):
    """The next start has every acknowledged order, and decides those that were under way."""
    (pathlib.Path(folder) / "shop.log").unlink()
    shop = Shop(program, folder, flags=flags("1ms", 20))
    try:
        assert shop.wait_ready(), f"the shop did not start again: {shop.tail()}"
        for order in orders:
            wait_for("an acknowledged order is decided",
                     lambda order=order: status_of(shop, order) != "placed", 60)
        _, _, verified = call(shop.admin("/admin/v1/verify"), timeout=60)
        assert verified["ok"], f"{verified}"
    finally:
        shop.kill()


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
    log = log_of(folder)
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
    log = log_of(folder)
    assert code == 0, f"the exit code of the second run is {code}"
    line = drained_line(log)
    assert line["unfinished"] == 0 and line["level"] == "info", f"{line}"


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        stop_idle(program, folder)
        print("drain: idle, it ended at once")
    with tempfile.TemporaryDirectory() as folder:
        orders = stop_loaded(program, folder)
        find_all(program, folder, orders)
        print(f"drain: under load, everything in flight ended; {len(orders)} orders are there")
    with tempfile.TemporaryDirectory() as folder:
        order = cut_short(program, folder)
        print("drain: out of time, it said what was left and ended")
        find_again(program, folder, order)
        print("drain: the next start found it and finished the order")
    print("4 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
