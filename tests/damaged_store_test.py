#!/usr/bin/env python3
"""Files that cannot be served, and disks that cannot take more: the shop says which file, where its
name came from and what to do, ends with the documented code, and loses nothing.

    tests/damaged_store_test.py PATH-OF-THE-SHOP"""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shop_process import Shop, call, post, wait_for

UNREACHABLE = 3  # of docs/operations.md: the store cannot be opened
FAILED = 1  # a check failed
ORDERS = 40
PAGE = 4096
FLAGS = ("--no-demo", "--set", "payment.decline_rate=0", "--set", "payment.failure_rate=0",
         "--set", "payment.latency=1ms")


def order_of(customer="ada"):
    return {"customer": customer, "lines": [{"sku": "apple", "quantity": 1, "price": 45}]}


def state_of(shop, order):
    return call(shop.url(f"/api/v1/orders/{order}"))


def is_confirmed(shop, order):
    return state_of(shop, order)[2]["status"] == "confirmed"


def is_decided(shop, order):
    return state_of(shop, order)[2]["status"] != "placed"


@contextlib.contextmanager
def serving(program, folder, **how):
    """A shop that is ready, and is killed if the test does not stop it."""
    shop = Shop(program, folder, flags=FLAGS, **how)
    try:
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        yield shop
    finally:
        if shop.process.poll() is None:
            shop.kill()


def make_store(program, folder):
    """(a file that was left in order, the orders in it)."""
    with serving(program, folder) as shop:
        post(shop.url("/api/v1/inventory/apple/restock"), "s", {"quantity": 10 * ORDERS})
        orders = [post(shop.url("/api/v1/orders"), f"k{n}", order_of())[2]["id"]
                  for n in range(ORDERS)]
        for order in orders:
            wait_for("an order is confirmed", lambda order=order: is_confirmed(shop, order))
        assert shop.stop() == 0, f"SIGTERM: {shop.tail()}"
    return pathlib.Path(folder) / "shop.db", orders


def start(program, path, before=()):
    """(exit code, what it said) of a start that must fail."""
    ended = subprocess.run(
        [*before, program, "dev", "--no-demo", "--port", "0", "--admin-port", "0", "--store",
         f"sqlite:{path}"], capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def assert_refused(program, path, *parts, before=()):
    """The start names the file, its source, what is wrong and what to do; the bytes stay."""
    kept = path.read_bytes() if path.is_file() else None
    code, said = start(program, path, before)
    assert code == UNREACHABLE, f"{path.name} ended with {code}: {said}"
    for part in ("tidemark-CLI-006", str(path), "store.url, flag --store", "fix  ", *parts):
        assert part in said, f"{path.name}: \"{part}\" is not said: {said}"
    if kept is not None:
        assert path.read_bytes() == kept, f"{path.name} was changed by a start that was refused"


def assert_whole(program, path, orders):
    """Everything is there, the log is sound, and the shop goes on."""
    with tempfile.TemporaryDirectory() as folder, \
            serving(program, folder, store=f"sqlite:{path}") as shop:
        for order in orders:
            status, _, state = state_of(shop, order)
            assert status == 200 and state["status"] == "confirmed", f"{order}: {state}"
        _, _, verified = call(shop.admin("/admin/v1/verify"), timeout=60)
        assert verified["ok"], f"{verified}"
        status, _, placed = post(shop.url("/api/v1/orders"), "one-more", order_of())
        assert status == 201, f"{status}: {placed}"
        assert shop.stop() == 0, f"SIGTERM: {shop.tail()}"


def edit(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(sql)
        db.commit()


def copy_of(original, name):
    return pathlib.Path(shutil.copy(original, original.parent / name))


def check_newer_schema(program, original, orders):
    path = copy_of(original, "newer.db")
    with contextlib.closing(sqlite3.connect(path)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
    edit(path, "PRAGMA user_version = 99")
    assert_refused(program, path, "schema version 99", f"up to {version}", "newer release")
    edit(path, f"PRAGMA user_version = {version}")
    assert_whole(program, path, orders)


def check_edited_migration(program, original, orders):
    path = copy_of(original, "edited.db")
    with contextlib.closing(sqlite3.connect(path)) as db:
        checksum = db.execute("SELECT checksum FROM migrations WHERE version = 1").fetchone()[0]
    edit(path, "UPDATE migrations SET checksum = 'another' WHERE version = 1")
    assert_refused(program, path, "migration 1", "another", checksum, "run the release that wrote")
    edit(path, f"UPDATE migrations SET checksum = '{checksum}' WHERE version = 1")
    assert_whole(program, path, orders)


def check_damaged_middle(program, original, orders):
    path = copy_of(original, "damaged.db")
    size = path.stat().st_size
    with path.open("r+b") as file:
        for at in range(size // PAGE // 4 * PAGE, size * 3 // 4, PAGE):
            file.seek(at)
            file.write(b"\xff" * (PAGE // 2))
    assert_refused(program, path, "malformed", "restore it from a backup")
    assert_whole(program, copy_of(original, "damaged.db"), orders)


def check_cut_short(program, original, orders):
    path = copy_of(original, "cut.db")
    os.truncate(path, path.stat().st_size // 2)
    assert_refused(program, path, "malformed", "restore it from a backup")
    os.truncate(path, 50)
    assert_refused(program, path, "is no SQLite database", "restore this one from a backup")
    assert_whole(program, copy_of(original, "cut.db"), orders)


def page_with(path, text):
    """Number, from 0, of a leaf of a table that holds the text."""
    content = path.read_bytes()
    for at in range(PAGE, len(content), PAGE):
        if content[at] == 0x0D and text in content[at:at + PAGE]:
            return at // PAGE
    raise AssertionError(f"no page holds {text}")


def check_damaged_page(program, original, orders):
    """One page of events that no start reads: what was on it is an error, never a wrong answer."""
    path = copy_of(original, "page.db")
    with path.open("r+b") as file:
        file.seek(page_with(path, b"order.placed.v1") * PAGE)
        file.write(b"\xff" * PAGE)
    checked = subprocess.run([program, "check", "--log", "--store", f"sqlite:{path}"],
                             capture_output=True, text=True, timeout=60, check=False)
    said = checked.stdout + checked.stderr
    assert checked.returncode == FAILED, f"check --log ended with {checked.returncode}: {said}"
    assert str(path) in said and "restore" in said, f"file and remedy are not said: {said}"
    with tempfile.TemporaryDirectory() as folder, \
            serving(program, folder, store=f"sqlite:{path}") as shop:
        _, _, verified = call(shop.admin("/admin/v1/verify"), timeout=60)
        assert not verified["ok"] and str(path) in verified["problems"][0], f"{verified}"
        damaged = 0
        for order in orders:
            status, _, state = state_of(shop, order)
            right = status == 200 and state["status"] == "confirmed" and state["version"] == 2
            named = status == 500 and state["code"] == "corrupt"
            assert right or named, f"{order} was told {status}: {state}"
            damaged += named
        assert 0 < damaged < len(orders), f"{damaged} of {len(orders)} orders are unreadable"
        assert shop.stop() == 0, f"SIGTERM: {shop.tail()}"


def without_privilege():
    """In front of the program: permissions bind it, also if root runs this test."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search",
            "--inh-caps=-dac_override,-dac_read_search")


def check_permissions(program, original, orders):
    bound = without_privilege()
    path = copy_of(original, "closed.db")
    for mode, said in ((0o000, "unable to open"), (0o444, "may only be read")):
        kept = original.read_bytes()
        path.chmod(mode)
        code, text = start(program, path, bound)
        path.chmod(0o644)
        assert code == UNREACHABLE, f"mode {mode:o} ended with {code}: {text}"
        for part in ("tidemark-CLI-006", str(path), "store.url, flag --store", said,
                     "permissions"):
            assert part in text, f"mode {mode:o}: \"{part}\" is not said: {text}"
        assert path.read_bytes() == kept, f"mode {mode:o}: the file was changed"
    assert_whole(program, path, orders)
    folder = original.parent / "closed"
    folder.mkdir()
    path = pathlib.Path(shutil.copy(original, folder / "shop.db"))
    folder.chmod(0o555)
    assert_refused(program, path, "Permission denied", "writable", before=bound)
    folder.chmod(0o755)
    assert_whole(program, path, orders)


def check_no_file(program, original, _):
    folder = original.parent / "folder.db"
    folder.mkdir()
    assert_refused(program, folder, "unable to open", "check the disk, the path")
    assert_refused(program, original.parent / "no/such/folder.db", "must exist")
    assert not (original.parent / "no").exists(), "a folder was made"


def check_foreign_files(program, original, _):
    path = original.parent / "letter.txt"
    path.write_text("Dear Ada, this is no database. " * 500)
    assert_refused(program, path, "is no SQLite database", "left untouched", "name another file")
    path = original.parent / "foreign.db"
    edit(path, "CREATE TABLE theirs(x)")
    edit(path, "INSERT INTO theirs VALUES('not yours')")
    assert_refused(program, path, "another program", "left untouched", "name another file")
    assert not path.with_name("foreign.db-wal").exists(), "the foreign database was opened for good"


@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path):
    """Takes all the space that is left."""
    with path.open("ab", buffering=0) as file:
        for step in (1 << 16, PAGE, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * step) == step:
                    pass


def order_until_full(shop, acknowledged):
    """The first key whose order did not fit."""
    for n in range(2000):
        status, headers, told = post(shop.url("/api/v1/orders"), f"full-{n}",
                                     order_of(f"ada {n} " + "x" * 50_000), timeout=60)
        if status == 201:
            acknowledged.append(told["id"])
            continue
        assert (status, told["code"]) == (507, "disk_full"), f"a full disk is told as {told}"
        assert headers["Retry-After"] == "30", headers["Retry-After"]
        return n
    raise AssertionError("2000 large orders fit on a full disk")


def check_full_disk(program, disk, folder):
    """What does not fit is refused, what was acknowledged stays, and space is all it takes."""
    acknowledged, filler = [], disk / "filler"
    with serving(program, folder, store=f"sqlite:{disk / 'shop.db'}") as shop:
        post(shop.url("/api/v1/inventory/apple/restock"), "s", {"quantity": 100_000})
        acknowledged.append(post(shop.url("/api/v1/orders"), "first", order_of())[2]["id"])
        wait_for("the first order is confirmed", lambda: is_confirmed(shop, acknowledged[0]))
        fill(filler)
        refused = order_until_full(shop, acknowledged)
        assert state_of(shop, acknowledged[0])[0] == 200, "a full disk stops readers"
        assert call(shop.admin("/livez"))[0] == 200, "a full disk ends the process"
        filler.unlink()
        order = wait_for("the refused order fits, under its key",
                         lambda: post(shop.url("/api/v1/orders"), f"full-{refused}",
                                      order_of(f"ada {refused} " + "x" * 50_000))[2].get("id"))
        for one in (*acknowledged, order):
            wait_for("what was acknowledged is decided", lambda one=one: is_decided(shop, one), 120)
        # A payment whose answer could not be kept for too long is given back: no fault either.
        confirmed = [one for one in (*acknowledged, order) if is_confirmed(shop, one)]
        assert shop.stop() == 0, f"SIGTERM: {shop.tail()}"
    assert_whole(program, disk / "shop.db", confirmed)
    fill(filler)
    assert_refused(program, disk / "fresh.db", "disk is full", "free space")


def run_on_small_disk(program):
    with tempfile.TemporaryDirectory() as folder, \
            small_disk(pathlib.Path(folder) / "disk", "16m") as disk:
        check_full_disk(program, disk, folder)


def with_small_disk(program):
    """Runs the checks that need a disk of their own; false if this machine lets nobody mount."""
    if os.geteuid() == 0 and subprocess.run(
            ["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0:
        before = ["unshare", "--mount"]
    else:
        before = ["unshare", "--mount", "--map-root-user"]
        if subprocess.run([*before, "true"], capture_output=True, check=False).returncode != 0:
            return False
    subprocess.run([*before, sys.executable, __file__, program, "--small-disk"], check=True)
    return True


CHECKS = (check_newer_schema, check_edited_migration, check_damaged_middle, check_cut_short,
          check_damaged_page, check_permissions, check_no_file, check_foreign_files)


def main():
    program = sys.argv[1]
    if sys.argv[2:] == ["--small-disk"]:
        run_on_small_disk(program)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        original, orders = make_store(program, folder)
        for check in CHECKS:
            check(program, original, orders)
    if with_small_disk(program):
        print(f"{len(CHECKS) + 1} passed, 0 failed")
    else:
        print("skipped: a full disk, because this machine lets nobody mount a small one")
        print(f"{len(CHECKS)} passed, 0 failed, 1 skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
