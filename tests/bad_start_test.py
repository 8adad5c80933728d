#!/usr/bin/env python3
"""Bad input at start and at the API: each mistake gets an error that names it; nothing is lost.

    tests/bad_start_test.py PATH-OF-THE-SHOP"""

import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shop_process import Shop, call, free_port, post

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
    assert code == 2, f"wrong settings end with {code}: {said}"
    for part in ("http.prot", "http.port", "runtime.mailbox_max", "abc"):
        assert part in said, f"{part} is not named: {said}"


def check_port_taken(program, folder, shop):
    ended = subprocess.run(
        [program, "dev", "--no-demo", "--port", str(shop.port), "--admin-port", "0", "--store",
         f"sqlite:{folder}/other.db"], capture_output=True, text=True, timeout=60, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0, "a taken port was accepted"
    assert str(shop.port) in said and "--port" in said, f"port and flag are not named: {said}"


def check_second_process(program, folder, shop):
    code, said = start(program, "--store", f"sqlite:{folder}/shop.db")
    assert code != 0, "a second process served the same file"
    pid = str(shop.process.pid)
    assert "shop.db" in said and pid in said, f"file and process {pid} are not named: {said}"


def check_foreign_files(program, folder):
    text = pathlib.Path(folder) / "text.db"
    text.write_text("this is no database" * 500)
    code, said = start(program, "--store", f"sqlite:{text}")
    assert code != 0 and "text.db" in said, f"a text file was served ({code}): {said}"
    assert text.read_text().startswith("this is no database"), "the foreign file was changed"
    other = pathlib.Path(folder) / "foreign.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE theirs(x)")
    code, said = start(program, "--store", f"sqlite:{other}")
    assert code != 0 and "foreign.db" in said, f"a foreign database was served ({code}): {said}"
    code, said = start(program, "--store", f"sqlite:{folder}/no/such/folder/x.db")
    assert code != 0 and "no/such/folder" in said, f"a missing folder ({code}): {said}"
    code, said = start(program, "--store", "mongo://here")
    assert code == 2 and "mongo" in said, f"an unknown store ({code}): {said}"


def raw(url, method, body, headers):
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.headers
    except urllib.error.HTTPError as refused:
        refused.read()
        return refused.code, refused.headers


def check_requests(shop):
    orders = shop.url("/api/v1/orders")
    json_type = {"Content-Type": "application/json", "Idempotency-Key": "k1"}
    status, _, placed = post(orders, "k1", ORDER)
    assert status == 201, f"a good order was told {status}: {placed}"
    order = shop.url(f"/api/v1/orders/{placed['id']}")
    cases = (
        ("malformed JSON", orders, "POST", b'{"customer":', json_type, 400),
        ("wrong field", orders, "POST", b'{"customer":7,"lines":[]}', json_type, 400),
        ("oversized body", orders, "POST", b" " * 300_000, json_type, 413),
        ("wrong method", orders, "DELETE", None, {}, 405),
        ("unknown route", shop.url("/api/v1/nothing"), "GET", None, {}, 404),
        ("no key", orders, "POST", b"{}", {"Content-Type": "application/json"}, 400),
        ("reused key", orders, "POST",
         b'{"customer":"bob","lines":[{"sku":"a","quantity":1,"price":1}]}', json_type, 422),
        ("stale If-Match", order + "/cancel", "POST", b'{"reason":"x"}',
         {"Content-Type": "application/json", "If-Match": '"v999"'}, 412),
        ("no such order", shop.url("/api/v1/orders/none"), "GET", None, {}, 404),
        ("refused by the rules", shop.url("/api/v1/orders/none/ship"), "POST",
         b'{"tracking":"t"}', {"Content-Type": "application/json"}, 409),
    )
    for name, url, method, body, headers, wanted in cases:
        status, fields = raw(url, method, body, headers)
        assert status == wanted, f"{name}: {status} instead of {wanted}"
        kind = fields["Content-Type"]
        assert kind == "application/problem+json", f"{name}: {kind} instead of a problem body"
    return len(cases)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        check_settings(program, folder)
        check_foreign_files(program, folder)
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
    print(f"{requests + 8} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
