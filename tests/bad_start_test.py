#!/usr/bin/env python3
"""Bad input at start and at the API: each mistake gets an error that names it; nothing is lost.

    tests/bad_start_test.py PATH-OF-THE-SHOP"""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shop_process import Shop, call, post, wait_for

# Exit codes of docs/operations.md.
USAGE, UNREACHABLE, CONFLICT = 2, 3, 4
ORDER = {"customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 45}]}


def start(program, *flags, environment=None):
    """(exit code, what it said) of a start that must fail."""
    ended = subprocess.run(
        [program, "dev", "--no-demo", "--port", "0", "--admin-port", "0", *flags],
        capture_output=True, text=True, timeout=60, check=False, env=environment)
    return ended.returncode, ended.stdout + ended.stderr


def check_settings(program, folder):
    code, said = start(program, "--set", "http.prot=1", "--set", "runtime.mailbox_max=abc",
                       "--store", f"sqlite:{folder}/x.db")
    assert code == USAGE, f"wrong settings end with {code}: {said}"
    for part in ("http.prot", "http.port", "runtime.mailbox_max", "abc"):
        assert part in said, f"{part} is not named: {said}"
    code, said = start(program, "--store", "mongo://here")
    assert code == USAGE and "mongo" in said, f"an unknown store ({code}): {said}"


def check_port_taken(program, folder, shop):
    ended = subprocess.run(
        [program, "dev", "--no-demo", "--port", str(shop.port), "--admin-port", "0", "--store",
         f"sqlite:{folder}/other.db"], capture_output=True, text=True, timeout=60, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode == UNREACHABLE, f"a taken port ends with {ended.returncode}: {said}"
    for part in ("tidemark-CLI-009", str(shop.port), "http.port, flag --port", "fix  "):
        assert part in said, f"{part} is not named: {said}"


def check_second_process(program, folder, shop):
    code, said = start(program, "--store", f"sqlite:{folder}/shop.db")
    assert code == CONFLICT, f"a second process on the file ends with {code}: {said}"
    for part in ("tidemark-CLI-005", f"{folder}/shop.db", f"process {shop.process.pid}",
                 "store.url, flag --store", "stop that one first"):
        assert part in said, f"{part} is not named: {said}"


def send(url, method, body, headers):
    """(status, headers, problem) of a request that must be refused."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            raise AssertionError(f"{method} {url} was not refused but told {reply.status}")
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.loads(refused.read())


def refused_requests(shop, order):
    """(name, url, method, body, headers, status, code) of each."""
    orders = shop.url("/api/v1/orders")
    typed = {"Content-Type": "application/json"}
    keyed = {**typed, "Idempotency-Key": "k1"}
    ship = shop.url("/api/v1/orders/none/ship")
    return (
        ("malformed JSON", orders, "POST", b'{"customer":', keyed, 400, "malformed_payload"),
        ("wrong field", orders, "POST", b'{"customer":7,"lines":[]}', keyed, 400,
         "malformed_payload"),
        ("oversized body", orders, "POST", b" " * 300_000, keyed, 413, "too_large"),
        ("wrong method", orders, "DELETE", None, {}, 405, "method_not_allowed"),
        ("unknown route", shop.url("/api/v1/nothing"), "GET", None, {}, 404, "not_found"),
        ("no key", orders, "POST", json.dumps(ORDER).encode(), typed, 400,
         "missing_idempotency_key"),
        ("reused key", orders, "POST", json.dumps({**ORDER, "customer": "bob"}).encode(), keyed,
         422, "key_reused"),
        ("stale If-Match", f"{order}/cancel", "POST", b'{"reason":"x"}',
         {**typed, "If-Match": '"v999"'}, 412, "version_mismatch"),
        ("wrong If-Match", f"{order}/cancel", "POST", b'{"reason":"x"}',
         {**typed, "If-Match": "999"}, 400, "bad_precondition"),
        ("no such order", shop.url("/api/v1/orders/none"), "GET", None, {}, 404, "not_found"),
        ("refused by the rules", ship, "POST", b'{"tracking":"t"}', typed, 409, "no_such_order"),
    )


def logged_lines(shop, request_id):
    """The log's lines about a request."""
    lines = [json.loads(line) for line in (shop.folder / "shop.log").read_text().splitlines()
             if line.startswith("{")]
    return [line for line in lines if line.get("request_id") == request_id]


def check_logged(shop, name, request, request_id):
    """One line: what was asked, how it was answered, and why."""
    _, url, method, _, _, status, code = request
    wait_for(f"{name}: the log has a line", lambda: logged_lines(shop, request_id))
    lines = logged_lines(shop, request_id)
    assert len(lines) == 1, f"{name}: the log has {len(lines)} lines: {lines}"
    line = lines[0]
    assert (line["level"], line["message"]) == ("warn", "request"), f"{name}: {line}"
    seen = (line["method"], line["status"], line["code"])
    assert seen == (method, status, code), f"{name}: {line}"
    assert url.endswith(line["target"]) and line["reason"], f"{name}: {line}"


def check_requests(shop):
    status, _, placed = post(shop.url("/api/v1/orders"), "k1", ORDER)
    assert status == 201, f"a good order was told {status}: {placed}"
    requests = refused_requests(shop, shop.url(f"/api/v1/orders/{placed['id']}"))
    told = []
    for request in requests:
        name, url, method, body, headers, wanted, code = request
        status, fields, problem = send(url, method, body, headers)
        assert (status, problem["code"]) == (wanted, code), f"{name}: {status} {problem}"
        assert problem["status"] == wanted and problem["detail"], f"{name}: {problem}"
        kind = fields["Content-Type"]
        assert kind == "application/problem+json", f"{name}: {kind} instead of a problem body"
        assert problem["request_id"] == fields["X-Request-ID"], f"{name}: {problem}"
        told.append((name, request, problem["request_id"]))
    for name, request, request_id in told:
        check_logged(shop, name, request, request_id)
    return len(requests)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        check_settings(program, folder)
        shop = Shop(program, folder)
        try:
            assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
            check_port_taken(program, folder, shop)
            check_second_process(program, folder, shop)
            requests = check_requests(shop)
            status, _, _ = call(shop.admin("/livez"))
            assert status == 200, "the shop did not survive bad input"
            assert shop.stop() == 0, f"SIGTERM: {shop.tail()}"
        except BaseException:
            shop.kill()
            raise
    print(f"{requests + 4} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
