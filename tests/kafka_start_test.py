#!/usr/bin/env python3
"""The bus at start, on a real broker with TLS and users: what is wrong is said with the setting to
correct and without the password, orders are taken all the same, and what was taken meanwhile is
published once it is corrected.

    tests/kafka_start_test.py PATH-OF-THE-SHOP"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from kafka_cluster import Cluster, Unavailable  # noqa: E402
from kafka_security import authority  # noqa: E402
from shop_process import Shop, call, post, wait_for  # noqa: E402

WRONG = "wr0ng-pa55word"
PASSWORD_FILE = "TIDEMARK_KAFKA_PASSWORD_FILE"
PATIENCE_SECONDS = 90
ORDER = {"customer": "ada", "lines": [{"sku": "apple", "quantity": 1, "price": 45}]}


def settings(**values):
    """--set for each; "sasl_mechanism" stands for kafka.sasl_mechanism."""
    return [word for name, value in values.items() for word in ("--set", f"kafka.{name}={value}")]


class Site:
    """The program, the broker, and what a run of the one against the other needs."""

    def __init__(self, program, cluster, folder):
        self.program, self.security = program, cluster.security
        self.plain_url = f"kafka://{cluster.url()}"
        self.folder, self.count, self.placed = folder, 0, 0
        self.passwords = {}
        for name, text in (("right", self.security.password), ("wrong", WRONG)):
            self.passwords[name] = folder / f"{name}.password"
            self.passwords[name].write_text(text + "\n")

    def environment(self, password="right"):
        return {PASSWORD_FILE: str(self.passwords[password])}

    def secure(self, **changes):
        return settings(**{"security": "sasl_ssl", "username": self.security.scram,
                           "ca_file": self.security.ca, **changes})

    def keeps_secrets(self, said):
        for secret in (self.security.password, WRONG):
            assert secret not in said, f"a password is told: {said}"

    def ask(self, code, parts, url, flags, password="right", words=("bus", "topics")):
        """Runs a verb of the bus, which must end with this code and say all of this."""
        ended = subprocess.run(
            [self.program, *words, "--bus", url, *flags], capture_output=True, text=True,
            timeout=PATIENCE_SECONDS, check=False,
            env={**os.environ, **self.environment(password)})
        said = ended.stdout + ended.stderr
        assert code in (None, ended.returncode), \
            f"{words} of {url} ended with {ended.returncode}: {said}"
        for part in parts:
            assert part in said, f"\"{part}\" is not said of {url} {flags}: {said}"
        self.keeps_secrets(said)
        self.count += 1
        return said

    def start(self, url, flags, password="right", verb="dev"):
        more = ("--no-demo",) if verb == "dev" else ()
        shop = Shop(self.program, self.folder, verb=verb, environment=self.environment(password),
                    flags=[*more, "--bus", url, "--set", "payment.decline_rate=0", *flags])
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        return shop

    def order(self, shop):
        self.placed += 1
        status, _, told = post(shop.url("/api/v1/orders"), f"k{self.placed}", ORDER)
        assert status == 201, f"an order was told {status}: {told}"


def bus_check(shop):
    """(whether the bus is well, why not)"""
    checks = call(shop.admin("/readyz"))[2]["checks"]
    found = next(one for one in checks if one["name"] == "bus")
    return found["status"] == "passing", str(found)


def check_verbs(at, other):
    """Each thing that can be wrong between the program and the broker."""
    right, url = at.secure(), at.security.url()
    at.ask(0, (), url, right)
    at.ask(0, (), url, at.secure(sasl_mechanism="PLAIN", username=at.security.plain))
    at.ask(3, ("CLI-012", "kafka.username \"relay\"", "kafka.password", "kafka.sasl_mechanism",
               f"environment {PASSWORD_FILE}"), url, right, password="wrong")
    at.ask(3, ("CLI-012", "kafka.username \"nobody\""), url, at.secure(username="nobody"))
    at.ask(3, ("CLI-012", "not signed by an authority", "kafka.ca_file", str(other)), url,
           at.secure(ca_file=other))
    at.ask(3, ("CLI-012", "is not for that name", "localhost", "bus.url"),
           at.security.url("localhost"), right)
    at.ask(3, ("CLI-012", "kafka.security is plaintext"), url, [])
    at.ask(3, ("CLI-012", "kafka.security is sasl_ssl"), at.plain_url, right)
    at.ask(3, ("CLI-012", "no-such-host.invalid", "bus.url"), "kafka://no-such-host.invalid:9092",
           [])
    at.ask(2, ("CLI-011", "kafka.ca_file", "/no/such/file"), url,
           at.secure(ca_file="/no/such/file"))
    at.ask(2, ("CLI-011", "kafka.username"), url, at.secure(username=""))


def check_bad_start(at, url, flags, parts, password="right"):
    """It starts, takes an order, and readiness says what is wrong."""
    shop = at.start(url, flags, password)
    try:
        at.order(shop)

        def is_said():
            is_ok, said = bus_check(shop)
            return not is_ok and all(part in said for part in parts) and said

        said = wait_for(lambda: f"readiness says {parts}: {bus_check(shop)}", is_said,
                        PATIENCE_SECONDS)
        at.keeps_secrets(said)
        assert shop.stop() == 0, "the shop did not end well"
    except BaseException:
        shop.kill()
        raise
    at.keeps_secrets((at.folder / "shop.log").read_text(errors="replace"))
    at.count += 1


def check_good_start(at):
    """As a service, with everything right: what was taken before is published as well."""
    url, right = at.security.url(), at.secure(partitions=3)
    shop = at.start(url, right, verb="run")
    try:
        at.order(shop)
        wait_for(lambda: f"the bus is well: {bus_check(shop)}", lambda: bus_check(shop)[0],
                 PATIENCE_SECONDS)

        def published():
            # Until the relay has made the topic there is nothing to look at.
            told = at.ask(None, (), url, right,
                          words=("bus", "peek", "shop.events", "--from", "start", "--limit",
                                 "1000"))
            return told.count("order.placed.v1") == at.placed

        wait_for(lambda: f"{at.placed} orders are on the topic", published, PATIENCE_SECONDS)
        at.ask(0, ("3 partitions, 1 copies of each",), url, right, words=("bus", "check"))
        check_metrics(shop)
        assert shop.stop() == 0, "the shop did not end well"
    except BaseException:
        shop.kill()
        raise


def check_metrics(shop):
    """What the client of the brokers tells of them is served."""
    def served():
        return call(shop.admin("/metrics"))[2]

    wait_for(served, lambda: 'tidemark_bus_brokers{state="up"} 1' in served(),
             PATIENCE_SECONDS)
    for name in ("tidemark_bus_messages_waiting", "tidemark_bus_round_trip_seconds",
                 "tidemark_bus_requests_failed_total", "tidemark_bus_producers_replaced_total",
                 'tidemark_bus_publish_duration_seconds_count{topic="shop.events"'):
        assert name in served(), f"{name} is not served"


def main():
    try:
        if not shutil.which("openssl"):
            raise Unavailable("openssl is missing")
        with Cluster(1, is_secured=True) as cluster, tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            _, other = authority(folder, "other")
            at = Site(sys.argv[1], cluster, folder)
            check_verbs(at, other)
            url = at.security.url()
            check_bad_start(at, "kafka://127.0.0.1:1", [], ("127.0.0.1:1", "refused"))
            check_bad_start(at, url, at.secure(), ("kafka.password", "kafka.username"),
                            password="wrong")
            check_bad_start(at, url, at.secure(ca_file=other), ("kafka.ca_file",))
            check_bad_start(at, url, at.secure(replication=3), ("kafka.replication",))
            check_good_start(at)
            check_bad_start(at, url, at.secure(partitions=4), ("3 partitions and not 4",))
            at.ask(1, ("has 3 partitions and not 4", "kafka.partitions"), url,
                   at.secure(partitions=4), words=("bus", "check"))
    except Unavailable as missing:
        print(missing)
        assert not os.environ.get("TIDEMARK_STRICT"), "nothing may be skipped"
        return 77
    print(f"bus at start: {at.count} questions and starts, {at.placed} orders, none lost")
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
