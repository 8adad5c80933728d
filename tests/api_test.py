#!/usr/bin/env python3
"""The shop's API as its callers use it: versions, positions, pages, keys, preconditions, the feed
of events and the knobs of the provider, against the real program.

    tests/api_test.py PATH-OF-THE-SHOP"""

import http.client
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shop_process import Shop, call, post, wait_for

FLAGS = ("--no-demo", "--set", "payment.decline_rate=0", "--set", "payment.failure_rate=0",
         "--set", "payment.latency=1ms")
JSON = {"Content-Type": "application/json"}
QUICK = {"decline_rate": 0, "failure_rate": 0, "latency": 1000}
# Slower than a test looks: the order stays placed meanwhile.
SLOW = {**QUICK, "latency": 60_000_000}


def order_of(customer, quantity=1):
    return {"customer": customer, "lines": [{"sku": "apple", "quantity": quantity, "price": 45}]}


def place(shop, key, customer="ada"):
    """(id, position) of an order."""
    status, headers, placed = post(shop.url("/api/v1/orders"), key, order_of(customer))
    assert status == 201, f"order {key} was told {status}: {placed}"
    return placed["id"], int(headers["Tidemark-Position"])


def place_confirmed(shop, key, customer="ada"):
    order, position = place(shop, key, customer)
    wait_for(f"order {key} is confirmed", lambda: state_of(shop, order)["status"] == "confirmed")
    return order, position


def state_of(shop, order, query=""):
    return call(shop.url(f"/api/v1/orders/{order}{query}"))[2]


def set_knobs(shop, knobs):
    status, _, said = call(shop.url("/sim/payments"), "POST", knobs, JSON)
    assert status == 204, f"the knobs {knobs} were told {status}: {said}"


def change(shop, order, verb, body, **headers):
    fields = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return call(shop.url(f"/api/v1/orders/{order}/{verb}"), "POST", body, fields)


def assert_problem(told, status, code, *parts):
    seen, headers, body = told
    assert (seen, body.get("code") if isinstance(body, dict) else None) == (status, code), \
        f"{status} {code} was expected, not {seen}: {body}"
    assert headers["Content-Type"] == "application/problem+json", headers["Content-Type"]
    for part in parts:
        assert part in body["detail"], f"{part} is not named: {body['detail']}"
    return body


def check_placing(shop):
    status, headers, placed = post(shop.url("/api/v1/orders"), "place", order_of("ada", 2))
    assert status == 201 and placed["version"] == 1, f"{status}: {placed}"
    assert headers["Location"] == f"/api/v1/orders/{placed['id']}", headers["Location"]
    assert headers["ETag"] == '"v1"', headers["ETag"]
    _, _, told = call(shop.url(f"/api/v1/commands/{headers['Tidemark-Command']}"))
    assert told["state"] == "committed", told
    assert int(headers["Tidemark-Position"]) > 0, headers["Tidemark-Position"]
    status, headers, state = call(shop.url(headers["Location"]))
    assert status == 200 and state["total"] == 90 and state["customer"] == "ada", state
    assert headers["ETag"] == f'"v{state["version"]}"', headers["ETag"]


def check_keys(shop):
    orders = shop.url("/api/v1/orders")
    first = post(orders, "key", order_of("ada"))
    again = post(orders, "key", order_of("ada"))
    assert again[0] == 201 and again[2] == first[2], f"{first[2]} was told again as {again[2]}"
    assert again[1]["Idempotency-Replayed"] == "true" and again[1]["ETag"] == '"v1"'
    assert first[1]["Idempotency-Replayed"] is None, "the first answer is no repetition"
    assert_problem(post(orders, "key", order_of("bob")), 422, "key_reused", "used before")
    other = post(orders, "another key", order_of("ada"))
    assert other[0] == 400, "a key with a space was taken"
    assert post(orders, "key-2", order_of("ada"))[2]["id"] != first[2]["id"]
    # A key belongs to one request, not to one route.
    told = change(shop, first[2]["id"], "cancel", {"reason": "x"}, Idempotency_Key="key")
    assert_problem(told, 422, "key_reused")


def check_commands(shop):
    order, position = place_confirmed(shop, "asked")
    _, _, told = call(shop.url("/api/v1/commands/asked"))
    assert told == {"state": "committed", "stream": f"order-{order}", "version": 1,
                    "position": position}, told
    assert change(shop, order, "cancel", {"reason": "x"}, Idempotency_Key="too-late")[0] == 409
    _, _, told = call(shop.url("/api/v1/commands/too-late"))
    assert told["state"] == "refused" and told["reason"] == "too_late_to_cancel", told
    # Without a key the answer names the command, so that an unknown outcome can be asked about.
    for body, verb, state in (({"tracking": "T-1"}, "ship", "committed"),
                              ({"reason": "x"}, "cancel", "refused")):
        _, headers, _ = change(shop, order, verb, body)
        _, _, told = call(shop.url(f"/api/v1/commands/{headers['Tidemark-Command']}"))
        assert (told["state"], told["stream"]) == (state, f"order-{order}"), f"{verb}: {told}"
    for key in ("", "k" * 256):
        told = change(shop, order, "ship", {"tracking": "T-1"}, Idempotency_Key=key)
        assert_problem(told, 400, "missing_idempotency_key")
    _, _, told = call(shop.url("/api/v1/commands/never-sent"))
    assert told == {"state": "undecided"}, told


def check_versions(shop):
    order, _ = place_confirmed(shop, "versions")
    head = state_of(shop, order)["version"]
    assert head == 2, f"placed and confirmed are two events, not {head}"
    for at, status in ((1, "placed"), (2, "confirmed")):
        _, headers, state = call(shop.url(f"/api/v1/orders/{order}?at_version={at}"))
        assert (state["version"], state["status"]) == (at, status), f"at {at}: {state}"
        assert headers["ETag"] == f'"v{at}"', f"at {at}: {headers['ETag']}"
    beyond = call(shop.url(f"/api/v1/orders/{order}?at_version=99"))
    assert_problem(beyond, 404, "not_found", "99", "head is 2")
    for wrong in ("x", "-1", "1.5", ""):
        told = call(shop.url(f"/api/v1/orders/{order}?at_version={wrong}"))
        assert_problem(told, 400, "bad_target", "at_version")


def check_positions(shop):
    """What was acknowledged is read, once the reader names its position."""
    for n in range(10):
        order, position = place(shop, f"read-own-{n}", f"own-{n}")
        for path in (f"/api/v1/orders?customer=own-{n}&", f"/api/v1/orders/{order}?"):
            status, _, seen = call(shop.url(f"{path}wait_for_position={position}&timeout=30000"))
            assert status == 200, f"{path}: {status}: {seen}"
            items = seen["items"] if "items" in seen else [seen]
            assert [item["id"] for item in items] == [order], f"{path} misses {order}: {seen}"
    _, headers, _ = post(shop.url("/api/v1/inventory/novel/restock"), "novels", {"quantity": 7})
    at = headers["Tidemark-Position"]
    _, _, shelf = call(shop.url(f"/api/v1/inventory/novel?wait_for_position={at}&timeout=30000"))
    assert shelf == {"sku": "novel", "available": 7, "reserved": 0, "version": 1}, shelf
    for path in ("orders", f"orders/{order}", "inventory/novel"):
        told = call(shop.url(f"/api/v1/{path}?wait_for_position={position + 10**9}&timeout=50"))
        assert_problem(told, 503, "timed_out", str(position + 10**9), "50 ms")
        told = call(shop.url(f"/api/v1/{path}?wait_for_position=1&timeout=30001"))
        assert_problem(told, 400, "bad_target", "timeout", "30000")
        told = call(shop.url(f"/api/v1/{path}?wait_for_position=soon"))
        assert_problem(told, 400, "bad_target", "wait_for_position")


def pages(shop, query, limit):
    """All items of a list, read page by page, and how many pages there were."""
    found, count, cursor = [], 0, ""
    while True:
        _, _, page = call(shop.url(f"/api/v1/orders?{query}&limit={limit}{cursor}"))
        assert len(page["items"]) <= limit, f"{len(page['items'])} items on a page of {limit}"
        found += [item["id"] for item in page["items"]]
        count += 1
        if page["next"] is None:
            return found, count
        assert count < 100, "the pages never end"
        cursor = f"&cursor={page['next']}"


def check_lists(shop):
    grace = {place_confirmed(shop, f"list-{n}", "grace")[0] for n in range(5)}
    last, position = place_confirmed(shop, "list-alan", "alan")
    told = change(shop, last, "ship", {"tracking": "T-alan"})
    wait = f"wait_for_position={told[1]['Tidemark-Position']}&timeout=30000"
    assert position < int(told[1]["Tidemark-Position"])
    _, _, page = call(shop.url(f"/api/v1/orders?customer=grace&{wait}"))
    assert {item["id"] for item in page["items"]} == grace and page["next"] is None, page
    assert {item["status"] for item in page["items"]} == {"confirmed"}, page
    _, _, page = call(shop.url("/api/v1/orders?status=shipped"))
    assert {item["status"] for item in page["items"]} == {"shipped"}, page
    assert (last, "T-alan") in [(item["id"], item["tracking"]) for item in page["items"]], page
    _, _, page = call(shop.url("/api/v1/orders?customer=nobody"))
    assert page == {"items": [], "next": None}, page
    for limit, wanted in ((2, 3), (5, 2), (6, 1)):
        found, count = pages(shop, "customer=grace", limit)
        assert sorted(found) == sorted(grace), f"limit {limit}: {found} for {grace}"
        assert count == wanted, f"limit {limit}: {count} pages, not {wanted}"
    for wrong in ("0", "501", "many"):
        told = call(shop.url(f"/api/v1/orders?limit={wrong}"))
        assert_problem(told, 400, "bad_target", "limit", "500")


def check_events(shop):
    order, _ = place_confirmed(shop, "events")
    _, _, all_events = call(shop.url(f"/api/v1/orders/{order}/events"))
    assert [(e["version"], e["name"]) for e in all_events["items"]] == \
        [(1, "order.placed.v1"), (2, "order.confirmed.v1")], all_events
    first = all_events["items"][0]
    assert first["stream"] == f"order-{order}" and first["payload"]["total"] == 45, first
    _, _, rest = call(shop.url(f"/api/v1/orders/{order}/events?from=2"))
    assert rest == {"items": all_events["items"][1:], "next": None}, rest
    _, _, none = call(shop.url(f"/api/v1/orders/{order}/events?from=3"))
    assert none == {"items": [], "next": None}, none
    for wrong in ("0", "-1", "x"):
        told = call(shop.url(f"/api/v1/orders/{order}/events?from={wrong}"))
        assert_problem(told, 400, "bad_target", "from")


def check_cancel(shop):
    set_knobs(shop, SLOW)
    try:
        order, _ = place(shop, "cancel")
        told = change(shop, order, "cancel", {"reason": "x"}, If_Match='"v7"')
        problem = assert_problem(told, 412, "version_mismatch", '"v1"')
        assert problem["current_version"] == "1" and told[1]["ETag"] == '"v1"', problem
        told = change(shop, order, "cancel", {"reason": "x"}, If_Match="v1")
        assert_problem(told, 400, "bad_precondition", "v1")
        told = change(shop, order, "cancel", {"reason": "x", "by": "me"})
        assert_problem(told, 400, "malformed_payload", "by")
        told = change(shop, order, "cancel", {"reason": "changed_mind"}, If_Match='"v1"',
                      Idempotency_Key="cancel-1")
        assert told[0] == 204 and told[1]["ETag"] == '"v2"', f"{told[0]}: {told[2]}"
        # The key is answered as the first time, though the version it expected is gone.
        again = change(shop, order, "cancel", {"reason": "changed_mind"}, If_Match='"v1"',
                       Idempotency_Key="cancel-1")
        assert again[0] == 204 and again[1]["Idempotency-Replayed"] == "true", f"{again[2]}"
        state = state_of(shop, order)
        assert (state["status"], state["reason"], state["version"]) == \
            ("cancelled", "changed_mind", 2), state
        told = change(shop, order, "cancel", {"reason": "again"})
        assert told[0] == 204 and state_of(shop, order)["version"] == 2, "cancelled twice"
    finally:
        set_knobs(shop, QUICK)
    told = change(shop, "none", "cancel", {"reason": "x"})
    assert_problem(told, 409, "no_such_order", "no_such_order")


def check_ship(shop):
    order, _ = place_confirmed(shop, "ship")
    told = change(shop, order, "ship", {"tracking": "T-7"}, If_Match='"v1"')
    assert_problem(told, 412, "version_mismatch", '"v2"')
    told = change(shop, order, "ship", {"tracking": "T-7"}, If_Match='"v2"')
    assert told[0] == 204 and told[1]["ETag"] == '"v3"', f"{told[0]}: {told[2]}"
    assert state_of(shop, order)["status"] == "shipped"
    assert_problem(change(shop, order, "ship", {"tracking": "T-8"}), 409, "not_confirmed")
    assert_problem(change(shop, order, "cancel", {"reason": "x"}), 409, "too_late_to_cancel")
    assert_problem(change(shop, "none", "ship", {"tracking": "T"}), 409, "no_such_order")


def check_refused_orders(shop):
    """What would otherwise be stuck or overflow later is refused when it is asked for."""
    orders = shop.url("/api/v1/orders")
    for sku, price, code in (("apple", 2**63 - 1, "price_too_high"),
                             ("a" * 250, 1, "sku_not_valid"), ("a\nb", 1, "sku_not_valid"),
                             ("", 1, "sku_missing")):
        body = {"customer": "ada", "lines": [{"sku": sku, "quantity": 2, "price": price}]}
        told = post(orders, f"refused-{code}-{len(sku)}", body)
        assert_problem(told, 409, code)
    told = post(shop.url("/api/v1/inventory/apple/restock"), "less", {"quantity": -1})
    assert_problem(told, 409, "quantity_out_of_range")
    assert_problem(call(shop.url("/api/v1/inventory/unicorn")), 404, "not_found", "unicorn")


def check_provider(shop):
    knobs = {"decline_rate": 1, "failure_rate": 0.25, "latency": 1234}
    set_knobs(shop, knobs)
    try:
        assert call(shop.url("/sim/payments"))[2]["knobs"] == knobs
        wrong = (("decline_rate", 1.01), ("decline_rate", -0.1), ("failure_rate", 2),
                 ("latency", -1), ("latency", 60_000_001))
        for name, value in wrong:
            told = call(shop.url("/sim/payments"), "POST", {**knobs, name: value}, JSON)
            assert_problem(told, 422, "invalid_argument", name)
        told = call(shop.url("/sim/payments"), "POST", {**knobs, "decline_rate": "all"}, JSON)
        assert_problem(told, 400, "malformed_payload", "decline_rate")
        told = call(shop.url("/sim/payments"), "POST", {**knobs, "speed": 1}, JSON)
        assert_problem(told, 400, "malformed_payload", "speed")
        assert call(shop.url("/sim/payments"))[2]["knobs"] == knobs, "a refused knob was turned"
        set_knobs(shop, {**QUICK, "decline_rate": 1})
        order, _ = place(shop, "declined")
        wait_for("the declined order is rejected",
                 lambda: state_of(shop, order)["status"] == "rejected")
    finally:
        set_knobs(shop, QUICK)


def read_feed(shop, last_id, is_over):
    """Events of the feed behind `last_id`, up to and with the first that `is_over` says so of."""
    link = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=30)
    link.request("GET", "/api/v1/events/stream",
                 headers={"Last-Event-ID": last_id} if last_id else {})
    reply = link.getresponse()
    kind = reply.getheader("Content-Type")
    assert reply.status == 200 and kind == "text/event-stream", f"{reply.status} {kind}"
    found, fields = [], {}
    try:
        for line in iter(reply.readline, b""):
            text = line.decode().rstrip("\n")
            if not text and "data" in fields:
                event = json.loads(fields["data"])
                assert fields["id"] == str(event["position"]), fields
                assert fields["event"] == event["name"], fields
                found.append(event)
                if is_over(event):
                    return found
            name, _, value = text.partition(": ")
            fields = {**fields, name: value} if text else {}
    finally:
        link.close()
    raise AssertionError(f"the feed ended behind {len(found)} events")


def confirms(order):
    return lambda event: (event["stream"], event["name"]) == (f"order-{order}",
                                                             "order.confirmed.v1")


def check_feed(shop):
    """A reader that left in the middle misses nothing, sees nothing twice."""
    first, _ = place_confirmed(shop, "feed-1")
    seen = read_feed(shop, None, confirms(first))
    left_at = seen[len(seen) // 2]["position"]
    second, _ = place_confirmed(shop, "feed-2")
    rest = read_feed(shop, str(left_at), confirms(second))
    whole = read_feed(shop, None, confirms(second))
    kept = [event for event in seen if event["position"] <= left_at]
    assert kept + rest == whole, "what was read in two parts is not what is read in one"
    positions = [event["position"] for event in whole]
    assert positions == sorted(set(positions)), "positions do not grow"
    for order in (first, second):
        _, _, listed = call(shop.url(f"/api/v1/orders/{order}/events"))
        fed = [event for event in whole if event["stream"] == f"order-{order}"]
        assert fed == listed["items"], f"the feed has {fed}, the order {listed['items']}"
    told = call(shop.url("/api/v1/events/stream"), headers={"Last-Event-ID": "last"})
    assert_problem(told, 400, "bad_request", "last")
    return whole


def check_feed_after_restart(program, folder, whole):
    """The id of before kill -9 is good behind the next start."""
    shop = Shop(program, folder, flags=FLAGS)
    try:
        assert shop.wait_ready(), f"the shop did not start again: {shop.tail()}"
        order, _ = place_confirmed(shop, "feed-3")
        left_at = whole[-3]["position"]
        rest = read_feed(shop, str(left_at), confirms(order))
        again = read_feed(shop, None, confirms(order))
        assert again[:len(whole)] == whole, "the log is another one after the restart"
        assert [event for event in again if event["position"] > left_at] == rest
        assert shop.stop() == 0, f"SIGTERM: {shop.tail()}"
    except BaseException:
        shop.kill()
        raise


CHECKS = (check_placing, check_keys, check_commands, check_versions, check_positions, check_lists,
          check_events, check_cancel, check_ship, check_refused_orders, check_provider)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(program, folder, flags=FLAGS)
        try:
            assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
            status, _, _ = post(shop.url("/api/v1/inventory/apple/restock"), "s", {"quantity": 500})
            assert status == 204, f"restocking was told {status}"
            for check in CHECKS:
                check(shop)
            whole = check_feed(shop)
        finally:
            shop.kill()
        check_feed_after_restart(program, folder, whole)
    print(f"{len(CHECKS) + 2} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
