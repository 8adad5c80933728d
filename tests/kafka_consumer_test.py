#!/usr/bin/env python3
"""A second service takes the shop's events in, while everything between the two is hurt: its own
process is killed, members join its group and leave or vanish, processes whose clocks are hours off
join in, brokers are frozen and killed, the group's offsets go back to the beginning, the database
server that both keep their data in goes dark.

Held to, over all: every event that the shop has committed and that is public has taken effect in
the other service once, in the order of its stream, and none was passed over. Copies on the topic
are counted. A fault counts as landed only with evidence; a run without any proves nothing.

    tests/kafka_consumer_test.py SHOP DISPATCH READER [ROUNDS]      (paths of the programs)"""

import collections
import contextlib
import datetime
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import kafka_cluster  # noqa: E402
import postgres_cluster  # noqa: E402
from kafka_relay_test import TOPIC, Clients, read_topic, relay_of, wait_until  # noqa: E402
from servers import Unavailable  # noqa: E402
from shop_process import Shop, call, post  # noqa: E402

# "member": the consuming process is killed, again and again.
FAULTS = ("member", "storm", "clocks", "freeze", "broker", "offsets", "database")
KILLS, GUESTS = 3, 2
GROUP = "parcels.v1"
CALM_SECONDS = 180
# How far off the wall clock of a process is. The others are as far behind it; one that is behind
# itself cannot be had so, because librdkafka's waits end at once under a clock that was set back
# (and one that is ahead cannot wait for its threads at the end, so these are killed).
AHEAD = "+2h"
PUBLIC = "tidemark.events WHERE name NOT LIKE 'tidemark.%'"
PLACES = "tidemark.models m ON m.id = d.model AND m.name = 'parcels.v1.streams'"
TAKEN = ("SELECT coalesce(sum(d.body::bigint), 0) FROM tidemark.documents d JOIN " + PLACES +
         " WHERE d.key <> 'total' AND d.body NOT LIKE '{%'")


class World:
    """The servers, the shop and the main member of the dispatch."""

    def __init__(self, programs, folder, brokers, database, rng):
        self.programs, self.folder = programs, pathlib.Path(folder)
        self.brokers, self.database, self.rng = brokers, database, rng
        self.landed, self.took = collections.Counter(), collections.Counter()
        self.repeated = 0
        for name in ("shop", "dispatch"):
            database.sql(f"CREATE DATABASE {name}")
        self.shop, self.main = None, None
        self.start_shop()

    def start(self, name, place, *flags, clock=None):
        folder = self.folder / place
        folder.mkdir(exist_ok=True)
        environment = clock_environment(clock) if clock else None
        return Shop(self.programs[name], folder, store=self.database.url(name),
                    environment=environment, flags=(
            "--no-demo", "--bus", f"kafka://{self.brokers.url()}", "--set", "kafka.replication=3",
            "--set", "kafka.session_timeout=6s", "--set", "kafka.delivery_timeout=5s", *flags))

    def start_shop(self):
        self.shop = self.start("shop", "shop", "--set", "payment.decline_rate=0")
        assert self.shop.wait_ready(), f"the shop did not start: {self.shop.tail()}"

    def start_main(self):
        """It comes back under its name, so that its partitions need not wait for the session."""
        self.main = self.start("dispatch", "main", "--set", "kafka.member_id=main")
        assert self.main.wait_ready(), f"the dispatch did not start: {self.main.tail()}"

    def stored(self):
        return int(self.database.sql(f"SELECT count(*) FROM {PUBLIC}", "shop"))

    def taken(self):
        """Sum of the versions that have taken effect: as many events, if none was skipped."""
        return int(self.database.sql(TAKEN, "dispatch"))

    def catch_up(self, why):
        """What was committed when the fault was over has taken effect."""
        wanted = self.stored()
        wait_until(f"{wanted} events have taken effect after {why}; {self.state()}",
                   lambda: self.taken() >= wanted, CALM_SECONDS)

    def state(self):
        return consumer_of(self.main)

    def end(self):
        for process in (self.shop, self.main):
            if process is not None and process.process.poll() is None:
                process.kill()


def consumer_of(member):
    """How the consumer of this process does; nothing while it does not answer."""
    try:
        status, _, told = call(member.admin("/admin/v1/consumers"))
    except OSError:
        return {}
    return told["items"][0] if status == 200 else {}


def kill_member(world):
    """Landed: it had taken events in since it was started, and others were still to come."""
    for _ in range(KILLS):
        before = world.taken()
        wait_until("a member takes events in", lambda: world.taken() > before, CALM_SECONDS)
        time.sleep(world.rng.uniform(0, 0.3))
        world.repeated += consumer_of(world.main).get("duplicates", 0)
        world.main.kill()
        world.landed["member"] += world.stored() > world.taken()
        world.start_main()


def take_part(world, fault, vanishes, clock=None):
    """Landed: the guest was given partitions."""
    guest = world.start("dispatch", "guest", clock=clock)
    try:
        assert guest.wait_ready(), f"a guest did not start: {guest.tail()}"
        wait_until("a guest has partitions",
                   lambda: consumer_of(guest).get("partitions", 0) > 0, CALM_SECONDS)
        world.landed[fault] += 1
        world.repeated += consumer_of(guest).get("duplicates", 0)
        if not vanishes:
            assert guest.stop() == 0, f"a guest did not end well: {guest.tail()}"
    finally:
        if guest.process.poll() is None:
            guest.kill()


def storm(world):
    """Every second guest vanishes."""
    for number in range(GUESTS):
        take_part(world, "storm", vanishes=number % 2 == 1)


def clock_environment(offset):
    """For a process whose wall clock is off; steady clocks are left alone."""
    libraries = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        raise Unavailable("libfaketime is missing: apt-get install faketime")
    return {"LD_PRELOAD": str(libraries[0]), "FAKETIME": offset,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def clocks(world):
    """Landed: a guest whose clock is ahead took events in, and a relay whose clock was ahead held
    the lease and died with it. Its end by that clock is hours away."""
    take_part(world, "clocks", vanishes=True, clock=AHEAD)
    ahead = world.start("shop", "ahead", clock=AHEAD)
    try:
        assert ahead.wait_ready(), f"a shop did not start: {ahead.tail()}"
        told = json.loads(ahead.tail().splitlines()[-1])["ts"]
        off = datetime.datetime.fromisoformat(told) - datetime.datetime.now(datetime.timezone.utc)
        assert off > datetime.timedelta(hours=1), f"its clock is not ahead: {told}"
        wait_until("the one ahead publishes",
                   lambda: relay_of(ahead)["published"] > 0, CALM_SECONDS)
    finally:
        ahead.kill()
    before = relay_of(world.shop)["published"]
    wait_until("the other relay goes on",
               lambda: relay_of(world.shop)["published"] > before, CALM_SECONDS)
    world.landed["clocks"] += 1


def freeze_broker(world):
    """Landed: the others have given it up."""
    number = world.rng.randint(1, kafka_cluster.BROKERS)
    others = [one for one in world.brokers.brokers if one.number != number]
    world.brokers.freeze(number)
    wait_until("the others give the broker up", lambda: all(
        kafka_cluster.registered(one.port) == len(others) for one in others), CALM_SECONDS)
    world.landed["freeze"] += 1
    world.brokers.thaw(number)
    world.brokers.wait(kafka_cluster.BROKERS)


def kill_broker(world):
    number = world.rng.randint(1, kafka_cluster.BROKERS)
    world.brokers.kill(number)
    world.brokers.wait(kafka_cluster.BROKERS - 1)
    world.landed["broker"] += 1
    world.brokers.start_one(number)
    world.brokers.wait(kafka_cluster.BROKERS)


def lose_offsets(world):
    """Landed: what had taken effect came again, and was dropped."""
    world.repeated += consumer_of(world.main).get("duplicates", 0)
    assert world.main.stop() == 0, f"it did not end well: {world.main.tail()}"

    def is_moved():
        return subprocess.run(
            [world.programs["dispatch"], "bus", "seek", GROUP, TOPIC, "--to", "start", "--apply",
             "--bus", f"kafka://{world.brokers.url()}"], capture_output=True, check=False,
            timeout=CALM_SECONDS).returncode == 0

    # It left under its name, which the group keeps for a session.
    wait_until("the group is moved to the beginning", is_moved, CALM_SECONDS)
    world.start_main()
    wait_until("events come again", lambda: consumer_of(world.main).get("duplicates", 0) > 0,
               CALM_SECONDS)
    world.landed["offsets"] += 1


def darken_database(world):
    """Landed: the consumer has noticed."""
    world.database.kill()
    wait_until("the consumer notices", lambda: not is_store_well(world.main), CALM_SECONDS)
    world.landed["database"] += 1
    world.database.start()


def is_store_well(member):
    try:
        return call(member.admin("/readyz"))[0] == 200
    except OSError:
        return False


HURT = dict(zip(FAULTS, (kill_member, storm, clocks, freeze_broker, kill_broker, lose_offsets,
                         darken_database)))


def run_rounds(world, rounds):
    clients = Clients()
    clients.shop = world.shop
    try:
        assert post(world.shop.url("/api/v1/inventory/apple/restock"), "stock",
                    {"quantity": 1_000_000})[0] == 204
        world.start_main()
        clients.start()
        for number in range(rounds):
            fault = FAULTS[number % len(FAULTS)]
            began = time.monotonic()
            HURT[fault](world)
            world.catch_up(fault)
            world.took[fault] += time.monotonic() - began
        clients.end()
        wait_until("the shop has nothing more to say",
                   lambda: call(world.shop.admin("/admin/v1/overview"))[2]["relay"][0]["pending"]
                   == 0, CALM_SECONDS)
        world.catch_up("all")
        world.repeated += world.state().get("duplicates", 0)
        for process in (world.main, world.shop):
            assert process.stop() == 0, f"it did not end well: {process.tail()}"
    finally:
        clients.stop.set()
    return clients


def rows(database, statement, name):
    return json.loads(database.sql(f"SELECT coalesce(json_agg(r), '[]') FROM ({statement}) r", name,
                                   seconds=120))


def documents(database, model):
    return {row["key"]: json.loads(row["body"]) for row in rows(
        database, "SELECT d.key, d.body FROM tidemark.documents d JOIN tidemark.models m "
        f"ON m.id = d.model AND m.name = '{model}'", "dispatch")}


def judge(database):
    """Holds the documents of the one service against the log of the other."""
    log = collections.defaultdict(list)
    for row in rows(database, f"SELECT stream, version, name FROM {PUBLIC} "
                    "ORDER BY stream, version", "shop"):
        log[row["stream"]].append((row["version"], row["name"]))
    parcels = documents(database, "parcels.v1")
    shelves = documents(database, "shelves.v1")
    places = {key.split("/", 1)[1]: place
              for key, place in documents(database, "parcels.v1.streams").items() if "/" in key}
    assert set(places) == set(log), "streams were lost, or invented"
    for stream, events in log.items():
        category, _, key = stream.partition("-")
        assert places[stream] == events[-1][0] == len(events), f"{stream}: {places[stream]}"
        if category == "order":
            heard = [(one["version"], one["name"]) for one in parcels[key]["heard"]]
            assert heard == events, f"{stream}: {heard} of {events}"
        elif category == "inventory":
            told = shelves[key]
            assert told["heard"] == told["version"] == len(events), f"{stream}: {told}"
    assert len(parcels) == sum(stream.startswith("order-") for stream in log)
    kept = documents(database, "parcels.v1.parked")
    assert not kept, f"set aside: {kept}"
    return sum(map(len, log.values())), len(log)


def show(world):
    """What a person would look at first."""
    waiting = ("SELECT d.key, d.body FROM tidemark.documents d JOIN " + PLACES +
               " WHERE d.body LIKE '{%' LIMIT 5")
    print(world.state(), world.database.sql(waiting, "dispatch"), world.main and world.main.tail(),
          sep="\n", flush=True)


@contextlib.contextmanager
def ended(world):
    """Ends with the block; a person sees what it was like when a claim did not hold."""
    try:
        yield world
    except AssertionError:
        show(world)
        raise
    finally:
        world.end()


def main():
    programs = dict(zip(("shop", "dispatch"), sys.argv[1:3]))
    reader, rounds = sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else len(FAULTS)
    try:
        with tempfile.TemporaryDirectory() as folder, kafka_cluster.Cluster() as brokers, \
                postgres_cluster.Cluster() as database:
            with ended(World(programs, folder, brokers, database, random.Random(rounds))) as world:
                clients = run_rounds(world, rounds)
            events, streams = judge(database)
            wire = read_topic(reader, brokers, events)
    except Unavailable as missing:
        print(missing)
        return 77
    seconds = {fault: round(span) for fault, span in world.took.items()}
    print(f"kafka consumer: landed {dict(world.landed)} in {rounds} rounds, {seconds} seconds each "
          f"until all had taken effect again; {clients.placed} orders placed, {clients.failed} "
          f"answers lost; {events} public events in {streams} streams, each took effect once, in "
          f"order; copies on the topic {wire['duplicates']}, dropped by members at least "
          f"{world.repeated}")
    for fault in FAULTS[:rounds]:
        assert world.landed[fault] > 0, f"INCONCLUSIVE: no {fault} has landed"
    assert wire["distinct"] == events, "the topic has other events than the log"
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
