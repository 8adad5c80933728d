#!/usr/bin/env python3
"""A Kafka cluster of one's own: real brokers on free loopback ports, in a folder that goes with
them. Runs a command with its address in TIDEMARK_TEST_KAFKA, and stops the brokers again:

    tools/kafka_cluster.py COMMAND [ARGUMENT…]

The brokers' jars come from Maven's repositories and stay in $TIDEMARK_CACHE."""

import base64
import concurrent.futures
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from kafka_security import Security
from servers import Unavailable, free_ports, serve

VARIABLE = "TIDEMARK_TEST_KAFKA"
VERSION = "3.9.1"
BROKERS = 3
START_SECONDS, STOP_SECONDS, FETCH_SECONDS, TOPIC_SECONDS = 120, 30, 600, 30
UNKNOWN_TOPIC = 3  # an error of the protocol
POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>tidemark</groupId><artifactId>brokers</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId>
<version>1.7.36</version></dependency></dependencies></project>
"""
COPY = ("org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
        "-DincludeScope=runtime")
LOGGING = """log4j.rootLogger=WARN, file
log4j.appender.file=org.apache.log4j.FileAppender
log4j.appender.file.File={file}
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d %p %m (%c)%n
"""
# Short waits, so that tests see failures and recoveries within seconds.
PROPERTIES = """process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
num.partitions=1
default.replication.factor={count}
min.insync.replicas={majority}
offsets.topic.replication.factor={count}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={count}
transaction.state.log.min.isr={majority}
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=2
num.replica.fetchers=1
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
controller.quorum.election.backoff.max.ms=500
replica.lag.time.max.ms=3000
"""


def cache():
    return pathlib.Path(os.environ.get("TIDEMARK_CACHE", os.path.expanduser("~/.cache/tidemark")))


def jars():
    """The folder of the brokers' jars; fetched once."""
    folder = cache() / f"kafka-{VERSION}"
    if (folder / "complete").exists():
        return folder
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is missing: "
                              "apt-get install openjdk-17-jre-headless maven")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        (pathlib.Path(place) / "pom.xml").write_text(POM.format(version=VERSION))
        done = subprocess.run(["mvn", "-q", "-B", *COPY, f"-DoutputDirectory={folder}"], cwd=place,
                              capture_output=True, text=True, timeout=FETCH_SECONDS)
    if done.returncode != 0:
        raise Unavailable(f"the brokers could not be fetched: {(done.stdout + done.stderr)[-800:]}")
    (folder / "complete").write_text(VERSION)
    return folder


def text(value):
    """A string as the protocol has it."""
    return struct.pack(">h", len(value)) + value.encode()


def ask(port, what, version, body, seconds=2):
    """The answer to a request of the protocol, behind its number."""
    request = struct.pack(">hhi", what, version, 7) + text("probe") + body
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as asked:
        asked.settimeout(seconds)
        asked.sendall(struct.pack(">i", len(request)) + request)
        with asked.makefile("rb") as answers:
            return answers.read(struct.unpack(">i", answers.read(4))[0])[4:]


def registered(port):
    """How many brokers the one on this port knows: a Metadata request, version 1, no topics."""
    try:
        return struct.unpack(">i", ask(port, 3, 1, struct.pack(">i", 0))[:4])[0]
    except (OSError, struct.error):
        return 0


def knows(port, topic):
    """Whether the broker on this port has this topic."""
    answer = ask(port, 3, 4, struct.pack(">i", 1) + text(topic) + b"\0")
    # The topic's error comes right before its name.
    at = answer.index(text(topic)) - 2
    return struct.unpack(">h", answer[at:at + 2])[0] != UNKNOWN_TOPIC


class Broker:
    """One of the cluster's processes."""

    def __init__(self, number, port, folder, libraries):
        self.number, self.port, self.folder = number, port, folder
        self.libraries, self.process = libraries, None
        self.format_words = ()

    def _java(self, *words):
        return ["java", "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:ActiveProcessorCount=2",
                f"-Dlog4j.configuration=file:{self.folder}/log4j.properties", "-cp",
                f"{self.libraries}/*", *words]

    def format(self, cluster_id):
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c",
                       f"{self.folder}/server.properties", *self.format_words),
            capture_output=True, text=True, timeout=START_SECONDS)
        if done.returncode != 0:
            raise Unavailable(f"broker {self.number}: {(done.stdout + done.stderr)[-800:]}")

    def start(self):
        with open(self.folder / "output", "ab") as out:
            self.process = subprocess.Popen(
                self._java("kafka.Kafka", f"{self.folder}/server.properties"),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def signal(self, number):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def stop(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


class Cluster:
    """Brokers 1 to `count`. `kill`, `freeze` and what undoes them take a broker's number. With
    `is_secured` the first broker has a second listener: `security` (tools/kafka_security.py)."""

    def __init__(self, count=BROKERS, is_secured=False):
        libraries = jars()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-kafka-", dir="/tmp"))
        ports = free_ports(2 * count + 1)
        voters = ",".join(f"{i + 1}@127.0.0.1:{ports[count + i]}" for i in range(count))
        self.brokers = [Broker(i + 1, ports[i], self.folder / str(i + 1), libraries)
                        for i in range(count)]
        for broker, controller in zip(self.brokers, ports[count:-1]):
            broker.folder.mkdir()
            (broker.folder / "log4j.properties").write_text(
                LOGGING.format(file=broker.folder / "log"))
            (broker.folder / "server.properties").write_text(PROPERTIES.format(
                id=broker.number, voters=voters, port=broker.port, controller=controller,
                folder=broker.folder, count=count, majority=(count + 1) // 2))
        if is_secured:
            self._secure(self.brokers[0], ports[count], ports[-1])

    def _secure(self, broker, controller, port):
        self.security = Security(port)
        file = broker.folder / "server.properties"
        # A later line wins.
        file.write_text(file.read_text() + self.security.properties(
            broker.folder, broker.port, controller))
        broker.format_words = self.security.format_words()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def start(self):
        # A leading '-' would be read as an option.
        cluster_id = "T" + base64.urlsafe_b64encode(os.urandom(16)).decode()[1:22]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda broker: broker.format(cluster_id), self.brokers))
        for broker in self.brokers:
            broker.start()
        self.wait(len(self.brokers))
        return self

    def wait(self, count, seconds=START_SECONDS):
        """Until every living broker knows exactly `count`."""
        until = time.monotonic() + seconds
        while True:
            living = [broker for broker in self.brokers if broker.process.poll() is None]
            if living and all(registered(broker.port) == count for broker in living):
                return
            if time.monotonic() > until or not living:
                raise Unavailable(f"no {count} brokers within {seconds} s: {self.log_tail()}")
            time.sleep(0.1)

    def url(self):
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def kill(self, number):
        self.brokers[number - 1].kill()

    def start_one(self, number):
        self.brokers[number - 1].start()

    def freeze(self, number):
        self.brokers[number - 1].signal(signal.SIGSTOP)

    def thaw(self, number):
        self.brokers[number - 1].signal(signal.SIGCONT)

    def _change_topic(self, what, version, body, topic, is_there):
        """Until every broker has heard of it."""
        wait = struct.pack(">i", TOPIC_SECONDS * 1000)
        answer = ask(self.brokers[0].port, what, version, body + wait + b"\0" * (what == 19),
                     TOPIC_SECONDS)
        at = answer.index(text(topic)) + len(text(topic))
        code = struct.unpack(">h", answer[at:at + 2])[0]
        assert code == 0, f"topic {topic}: error {code} of the protocol"
        until = time.monotonic() + TOPIC_SECONDS
        while any(knows(broker.port, topic) != is_there for broker in self.brokers):
            assert time.monotonic() < until, f"not every broker has heard of topic {topic}"
            time.sleep(0.02)

    def create_topic(self, topic, partitions, replication):
        """CreateTopics, version 1. All brokers must live."""
        body = struct.pack(">i", 1) + text(topic) + struct.pack(">ihii", partitions, replication,
                                                                0, 0)
        self._change_topic(19, 1, body, topic, True)

    def delete_topic(self, topic):
        """DeleteTopics, version 1. All brokers must live."""
        self._change_topic(20, 1, struct.pack(">i", 1) + text(topic), topic, False)

    def log_tail(self, size=1500):
        texts = []
        for broker in self.brokers:
            for name in ("output", "log"):
                file = broker.folder / name
                if file.exists():
                    texts.append(f"{broker.number} {name}: {file.read_text()[-size:]}")
        return "\n".join(texts)

    def remove(self):
        started = [broker for broker in self.brokers if broker.process is not None]
        for broker in started:
            broker.signal(signal.SIGKILL)
        for broker in started:
            broker.process.wait(STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(serve(Cluster, VARIABLE))
