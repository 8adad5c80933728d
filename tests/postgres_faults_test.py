#!/usr/bin/env python3
"""A PostgreSQL server that has no room, no slots, no patience, or takes no writes; a dump put into
a new cluster; a standby; a pooler in between.

Each time: what was told is true (what `failed` says was not stored is not), the message names the
place and the remedy, nothing acknowledged is lost, and the same program goes on once it can.

    tests/postgres_faults_test.py PATH-OF-POSTGRES-APPENDS [CASE...]

Without a name all but `wal_full` run, which needs a server of its own."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from postgres_appends import Appends, Ledger, read_stored  # noqa: E402
from postgres_cluster import Cluster, Unavailable  # noqa: E402
from postgres_pooler import Pooler  # noqa: E402
from postgres_proxy import Proxy  # noqa: E402

DATABASE = "faults"
SLOTS = 20
SMALL_BYTES = 48 * 1024 * 1024
FILL_BYTES = 1 << 20
DECIDE_SECONDS = 60
POOLED_ROUNDS, POOLED_APPENDS = 4, 60
SESSIONS = f"pg_stat_activity WHERE usename = 'shop' AND datname = '{DATABASE}'"


class Skipped(Exception):
    """This machine cannot do it; the text says why."""


class World:
    """A cluster with a database of an ordinary user, a program that appends to it, its ledger."""

    def __init__(self, program, **cluster):
        self.program = program
        self.options, self.ledger, self.run = cluster, Ledger(), None

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.cluster = self.stack.enter_context(Cluster(**self.options))
        self.cluster.sql("CREATE ROLE shop LOGIN CREATEROLE PASSWORD 'shop'")
        self.cluster.sql(f"CREATE DATABASE {DATABASE} OWNER shop")
        self.start()
        return self

    def __exit__(self, *_):
        if self.run:
            self.run.kill()
        self.stack.close()

    def url(self):
        return f"postgres://shop:shop@127.0.0.1:{self.cluster.port}/{DATABASE}"

    def start(self, *flags):
        """A program anew, which has appended already."""
        self.stop()
        self.run = Appends(self.program, self.url(), "threads=1", "acquire=1000",
                           *flags).wait_open()
        self.append(3)

    def stop(self):
        if self.run:
            self.run.end()
        self.run = None

    def append(self, count):
        """Ordinary appends, all stored."""
        for number in self.ledger.draw(count):
            self.decide(number)

    def tell(self, number=None):
        """What one append is told; it need not be stored."""
        (number,) = self.ledger.draw(1) if number is None else (number,)
        with self.run.changed:
            self.run.told.pop(number, None)
        told = self.run.append([number])[number]
        self.ledger.note(self.run)
        return number, told

    def tell_until_refused(self, before=None):
        """Appends, each after that statement, until one is not stored; what that one is told."""
        until = time.monotonic() + DECIDE_SECONDS
        while True:
            if before:
                with contextlib.suppress(RuntimeError):
                    self.cluster.sql(before, DATABASE)
            number, told = self.tell()
            if not told.startswith("stored "):
                break
            assert time.monotonic() < until, "INCONCLUSIVE: every append was stored"
        if told.startswith("failed ") and not before:
            assert not self.is_stored(number), f"stored, told {told}"
        return number, told

    def decide(self, number):
        until = time.monotonic() + DECIDE_SECONDS
        while not (told := self.tell(number)[1]).startswith("stored "):
            assert time.monotonic() < until, f"not stored in time: {told}"

    def expect(self, kind, *parts):
        """An append that is told `kind`, with these parts of its message; its number."""
        number, told = self.tell()
        self.check_told(number, told, kind, *parts)
        return number

    def check_told(self, number, told, kind, *parts):
        assert told.startswith(kind), f"told {told}"
        for part in (f"127.0.0.1:{self.cluster.port}/{DATABASE}", *parts):
            assert part in told, f"no {part} in: {told}"
        if told.startswith("failed "):
            assert not self.is_stored(number), f"stored, told {told}"

    def is_stored(self, number):
        return number in read_stored(self.cluster, DATABASE)

    def check(self):
        assert not self.ledger.open, f"not decided: {self.ledger.open}"
        self.ledger.check(self.cluster, DATABASE)


def slots(world):
    """max_connections is used up while the program's own sessions are ended."""
    gate = world.cluster.session(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false;")
    held = [gate]
    try:
        world.cluster.sql(f"SELECT pg_terminate_backend(pid) FROM {SESSIONS}")
        for _ in range(SLOTS):
            with contextlib.suppress(RuntimeError):
                held.append(world.cluster.session("SELECT 1;"))
        assert len(held) > SLOTS / 2, f"INCONCLUSIVE: only {len(held)} slots were taken"
        gate.stdin.write(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true;\n\\echo open\n")
        gate.stdin.flush()
        assert gate.stdout.readline() == "open\n"
        number, told = world.tell()
    finally:
        for one in held:
            world.cluster.end_session(one)
    # It may have been sent into a session that was just ended.
    world.check_told(number, told, ("failed unavailable", "unknown"), "53300", "try again later")
    world.decide(number)


def wait_for_lock(world, state):
    """An append that waits for a lock on the events for longer than it may."""
    held = world.cluster.session("BEGIN; LOCK TABLE tidemark.events IN EXCLUSIVE MODE;", DATABASE)
    number = world.expect("failed unavailable", state, "try again later")
    world.cluster.end_session(held)
    world.decide(number)


def statement_timeout(world):
    """A statement takes longer than the program lets it."""
    world.start("statement=1000")
    wait_for_lock(world, "57014")


def lock_timeout(world):
    """A statement waits for a lock for longer than the server lets it."""
    world.cluster.sql(f"ALTER DATABASE {DATABASE} SET lock_timeout = '300ms'")
    world.start()
    wait_for_lock(world, "55P03")
    world.cluster.sql(f"ALTER DATABASE {DATABASE} RESET lock_timeout")


def read_only(world):
    """The server takes no writes for a while, as one that was demoted."""
    world.cluster.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    world.cluster.sql("SELECT pg_reload_conf()")
    number, told = world.tell_until_refused()
    assert told.startswith("failed unavailable"), f"told {told}"
    assert "read-only" in told and "name the primary" in told, f"told {told}"
    unlock = world.cluster.session("SET default_transaction_read_only = off; "
                                   "ALTER SYSTEM RESET default_transaction_read_only; "
                                   "SELECT pg_reload_conf();")
    world.cluster.end_session(unlock)
    world.decide(number)


@contextlib.contextmanager
def small_disk():
    """A disk of some megabytes, of the server's user."""
    if os.geteuid() != 0:
        raise Skipped("only root can mount a small disk")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        disk = pathlib.Path(folder)
        disk.chmod(0o755)
        place = disk / "disk"
        place.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "tmpfs",
                                  place], capture_output=True, text=True)
        if mounted.returncode != 0:
            raise Skipped(f"no small disk can be mounted: {mounted.stderr.strip()}")
        try:
            inside = place / "files"
            inside.mkdir()
            shutil.chown(inside, "postgres", "postgres")
            yield inside
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def fill(disk, left=0):
    """Takes all but so many bytes of the disk; the file to remove."""
    filler = disk.parent / "filler"
    with open(filler, "wb") as out:
        with contextlib.suppress(OSError):
            while shutil.disk_usage(disk).free > left:
                out.write(b"\0" * min(FILL_BYTES, shutil.disk_usage(disk).free - left))
                out.flush()
    return filler


def disk_full(world):
    """No room for rows: the append is refused, and the others go on when there is some again."""
    with small_disk() as disk:
        world.stop()
        world.cluster.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
        world.cluster.sql(f"ALTER DATABASE {DATABASE} SET TABLESPACE small")
        world.start()
        filler = fill(disk)
        number, told = world.tell_until_refused()
        assert told.startswith("failed disk_full"), f"told {told}"
        assert "make room on the server's disk" in told, f"told {told}"
        filler.unlink()
        world.decide(number)
        world.append(20)
        world.stop()
        world.cluster.sql(f"ALTER DATABASE {DATABASE} SET TABLESPACE pg_default")
        world.cluster.sql("DROP TABLESPACE small")


def wal_full(world):
    """No room for the write-ahead log: a server that may go down with an append under way."""
    program = world.program
    with small_disk() as disk, World(program, wal=disk / "wal") as other:
        filler = fill(disk)
        number, told = other.tell_until_refused("SELECT pg_switch_wal()")
        assert told.startswith(("unknown ", "failed unavailable", "failed disk_full")), told
        log = other.cluster.log_tail(20_000)
        assert "No space left on device" in log, f"INCONCLUSIVE: {log}"
        filler.unlink()
        other.cluster.kill()
        other.cluster.start()
        assert told.startswith("unknown ") or not other.is_stored(number), f"stored, told {told}"
        other.decide(number)
        other.append(20)
        other.check()


def dump(world):
    """A dump is put into another cluster: it is not served before somebody says what it is; then
    all of it is there, and appends go on behind it."""
    world.append(5)
    text = subprocess.run([world.cluster.bin / "pg_dump", world.cluster.url(DATABASE)],
                          capture_output=True, check=True, timeout=60).stdout
    restored = Ledger()
    restored.acknowledged = dict(world.ledger.acknowledged)
    world.append(10)
    with Cluster() as other:
        for role in ("shop", "tidemark_writer", "tidemark_runner", "tidemark_projector",
                     "tidemark_reader"):
            other.sql(f"CREATE ROLE {role}")
        other.sql(f"CREATE DATABASE {DATABASE}")
        subprocess.run([other.bin / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", other.url(DATABASE)],
                       input=text, check=True, capture_output=True, timeout=60)
        run = Appends(world.program, other.url(DATABASE))
        run.wait(lambda: run.refusal, "a restored dump was served unasked")
        assert "tidemark restored" in run.refusal, run.refusal
        run.kill()
        # As `tidemark restored` does.
        other.sql("UPDATE tidemark.meta SET home = tidemark.log_home(), "
                  "incarnation = gen_random_uuid()", DATABASE)
        run = Appends(world.program, other.url(DATABASE)).wait_open()
        # What came after the dump is not there, and comes again from whoever has it.
        run.append(sorted(world.ledger.acknowledged))
        run.end()
        restored.note(run)
        restored.check(other, DATABASE)
        incarnations = {one.sql("SELECT incarnation FROM tidemark.meta", DATABASE)
                        for one in (world.cluster, other)}
        assert len(incarnations) == 2, "the restored log has the identity of the one it came from"


def durability(world):
    """A server that loses acknowledged commits is refused at the start, and says by what."""
    local = "?options=-c%20synchronous_commit%3Dlocal"
    with Cluster(settings={"fsync": "off"}) as other:
        for settings, flags, said in (
                ({}, "", "has fsync = off"),
                ({"fsync": "on", "full_page_writes": "off"}, "", "has full_page_writes = off"),
                ({"full_page_writes": "on", "synchronous_standby_names": "nobody"}, local,
                 "has synchronous_commit = local though")):
            if settings:
                other.stop()
                other.settings.update(settings)
                other.start()
            run = Appends(world.program, other.url() + flags)
            run.wait(lambda: run.refusal or run.is_open, f"not refused: {said}")
            for part in (said, f":{other.port}/", "postgres.unsafe_durability = true"):
                assert run.refusal and part in run.refusal, f"told {run.refusal}"
            run.kill()


def standby(world):
    """A standby is refused at start, with what to name instead; its log is not read either."""
    with Cluster(standby_of=world.cluster) as copy:
        for asked in ("horizon()", "read_log(0, 10, '')", "read_log(0, 10, 'account')"):
            # Ends with an error unless this very refusal (25006) comes.
            copy.sql(f"DO $do$ BEGIN PERFORM * FROM tidemark.{asked}; RAISE 'a standby answered'; "
                     "EXCEPTION WHEN read_only_sql_transaction THEN NULL; END $do$", DATABASE)
        assert copy.sql("SELECT count(*) FROM tidemark.events", DATABASE) != "0", "INCONCLUSIVE"
        run = Appends(world.program, world.url().replace(f":{world.cluster.port}/",
                                                         f":{copy.port}/"))
        run.wait(lambda: run.refusal, "the standby was served")
        assert "name the primary" in run.refusal and f":{copy.port}/" in run.refusal, run.refusal
        run.kill()


def old_server(world):
    """A server that is too old (this one says so of itself) is refused, with what to do."""
    proxy = Proxy(world.cluster.port, version="14.9")
    try:
        run = Appends(world.program, world.url().replace(f":{world.cluster.port}/",
                                                         f":{proxy.port}/") + "?sslmode=disable")
        run.wait(lambda: run.refusal, "an old server was served")
        assert "needs 15 or newer: upgrade the server" in run.refusal, run.refusal
        run.kill()
    finally:
        proxy.close()


def pooler(world):
    """Through PgBouncer in transaction mode, also when both lose their sessions."""
    world.cluster.sql(f"ALTER ROLE shop IN DATABASE {DATABASE} "
                      "SET search_path = tidemark, pg_catalog, pg_temp")
    world.stop()
    with Pooler(world.cluster, DATABASE, "shop", "shop") as between:
        run = Appends(world.program, between.url(), "threads=8", "pooled=1",
                      "acquire=20000").wait_open()
        for _ in range(POOLED_ROUNDS):
            numbers = world.ledger.draw(POOLED_APPENDS)
            run.send(numbers)
            world.cluster.sql(f"SELECT pg_terminate_backend(pid) FROM {SESSIONS}")
            assert run.wait_told(numbers), "the program is gone"
            world.ledger.note(run)
        run.end()
    world.start()
    for number in sorted(world.ledger.open):
        world.decide(number)


ALWAYS = (slots, statement_timeout, lock_timeout, read_only, disk_full, dump, standby, pooler,
          old_server, durability)
CASES = {case.__name__: case for case in (*ALWAYS, wal_full)}


def run_cases(program, names):
    """(passed, skipped) of these cases, one after the other on one server."""
    skipped = 0
    with World(program, settings={"max_connections": str(SLOTS)}) as world:
        for name in names:
            began = time.monotonic()
            try:
                CASES[name](world)
                world.check()
                print(f"{name}: held, {time.monotonic() - began:.1f} s", flush=True)
            except Skipped as why:
                skipped += 1
                print(f"SKIPPED {name}: {why}", flush=True)
            world.start()
    return len(names) - skipped, skipped


def main():
    try:
        passed, skipped = run_cases(sys.argv[1], sys.argv[2:] or [case.__name__ for case in ALWAYS])
    except Unavailable as missing:
        print(missing)
        return 77
    assert not (skipped and os.environ.get("TIDEMARK_STRICT")), "nothing may be skipped"
    print(f"{passed} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
