#!/usr/bin/env python3
"""What a long log costs, and whether BRIN or partitions would make it cheaper.

Fills logs of small events in a cluster of its own, set by set, without fsync; then measures them
with it: appends by `append_event` and `append_events`, pages of the log, a stream, the horizon.
Three ways to keep the same log:

    one     the table of migrations/0001_log.sql
    brin    the same with a BRIN index on position instead of its primary key
    parts   range partitions of ten million positions; ids and versions are unique in each of them
            only, because PostgreSQL has no index over all partitions

Logs of up to --together events stand beside each other and are measured in turns. Longer ones come
one after the other, for the disk's sake: compare their pages and bytes first, their times only
beside the row `bare`, an insert into a small table in the same minute.

    bench/large_log.py [--rows 0 10000000 100000000] [--ways one brin parts] [--seconds 4]
                       [--rounds 3] [--result build/large_log.json]

100 million events need 30 GiB in /tmp and half an hour or more for each way."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from postgres_cluster import Cluster, Unavailable  # noqa: E402

WAYS = ("one", "brin", "parts")
PART_ROWS, CHUNK_ROWS = 10_000_000, 2_000_000
# A stream has ten events, spread over a hundred thousand positions, as those of a live system are.
# Its name is a number below 2^32 of which each comes once, in no order; one in 16 is of another
# category.
SPREAD, STREAMS_AT_ONCE, MIXER = 100_000, 10_000, 2654435761
STATEMENT_SECONDS, WARM_SECONDS = 30, 1
SERVER = {"shared_buffers": "1GB", "max_connections": "100", "max_wal_size": "4GB",
          "maintenance_work_mem": "1GB", "checkpoint_timeout": "30min", "jit": "off",
          "statement_timeout": "0", "pg_stat_statements.track": "top"}
FILLING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
           "wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off"}
PAYLOAD = '{"amount":"17"}'
SEARCH = "SET search_path = tidemark, pg_catalog, pg_temp"
NAME = "to_hex(({number}::bigint * %d) %% 4294967296)" % MIXER
CATEGORY = "CASE WHEN {number}::bigint / 16 % 16 = 0 THEN 'z' ELSE 'a' END"

COLUMNS = ("position bigint NOT NULL, version bigint NOT NULL, recorded_at bigint NOT NULL, "
           "id uuid NOT NULL, correlation uuid NOT NULL, causation uuid NOT NULL, "
           "stream text COLLATE \"C\" NOT NULL, category text COLLATE \"C\" NOT NULL, "
           "name text COLLATE \"C\" NOT NULL, traceparent text COLLATE \"C\" NOT NULL, "
           "payload bytea NOT NULL")
BARE = ("CREATE TABLE bare(position bigserial PRIMARY KEY, stream text, version bigint, "
        "payload text, UNIQUE(stream, version))")
WITHOUT = ("ALTER TABLE events DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_stream, "
           "DROP CONSTRAINT events_id; DROP INDEX events_category")
# Index → how it is made, in one table and where there are partitions.
INDEXES = {"one": ("ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY(position)",
                   "ALTER TABLE events ADD CONSTRAINT events_stream UNIQUE(stream, version)",
                   "ALTER TABLE events ADD CONSTRAINT events_id UNIQUE(id)",
                   "CREATE INDEX events_category ON events(category, position)"),
           "parts": ("ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY(position)",
                     "CREATE INDEX events_stream ON events(stream, version)",
                     "CREATE INDEX events_id ON events(id)",
                     "CREATE INDEX events_category ON events(category, position)")}
TO_BRIN = ("ALTER TABLE events DROP CONSTRAINT events_pkey",
           "CREATE INDEX events_brin ON events USING brin(position)")

# Ids that grow with time, as those of appends do.
FRESH = ("(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || "
         "substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid")
ZERO = "'00000000-0000-0000-0000-000000000000'::uuid"
SELECT = ("SELECT /* measured */ position, version, recorded_at, id, correlation, causation, name, "
          "traceparent, CASE WHEN octet_length(payload) <= 4096 THEN payload END, "
          "octet_length(payload), stream FROM events WHERE ")


def append_one(stream, category, expected):
    return (f"SELECT /* measured */ append_event(NULL, {stream}, {category}, {expected}, {ZERO}, "
            f"{FRESH}, 'opened.v1', {FRESH}, {FRESH}, '', '{PAYLOAD}', '', '', 0, 0, "
            "'', '');\n")


NEW = append_one("to_hex(:number::bigint)", "'a'", 0)
OLD = append_one(NAME.format(number=":number"), CATEGORY.format(number=":number"), -1)
BATCH = f"""SELECT /* measured */ a.at FROM (
  SELECT array_agg(to_hex(:number::bigint + i)) AS streams, array_agg('a'::text) AS categories,
         array_agg(0::bigint) AS expected, array_agg({ZERO}) AS heads,
         array_agg(i) AS places, array_agg(1) AS firsts, array_agg({FRESH}) AS ids,
         array_agg('opened.v1'::text) AS names, array_agg({FRESH}) AS traces,
         array_agg(''::text) AS parents,
         array_agg('{PAYLOAD}'::bytea) AS payloads FROM generate_series(1, 16) AS i) b,
  LATERAL append_events(NULL, b.streams, b.categories, b.expected, b.heads, b.places, b.firsts,
    b.ids, b.names, b.traces, b.traces, b.parents, b.payloads, '{{}}', '{{}}', '{{}}', '{{}}',
    '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}') a;
"""
ANY_NEW = "\\set number random(4294967296, 4000000000000000000)\n"
# Each client has its own streams: two appends to one at a time would be a conflict.
ANY_OLD = "\\set number random(0, :streams / 16 - 1) * 16 + :client_id\n"
MIDDLE = "\\set after random(:rows / 4, :rows * 3 / 4)\n"
# Row → clients, script, events of a call, whether it needs events.
ROWS = {
    "bare": (1, "\\set number random(1, 1000000000000000000)\nINSERT INTO /* measured */ "
             f"bare(stream, version, payload) VALUES('a-' || :number, 1, '{PAYLOAD}');\n",
             1, False),
    "append C1, new stream": (1, ANY_NEW + NEW, 1, False),
    "append C1, old stream": (1, ANY_OLD + OLD, 1, True),
    "append C16, new stream": (16, ANY_NEW + NEW, 1, False),
    "append C16, old stream": (16, ANY_OLD + OLD, 1, True),
    "append 16 at once, 2 sessions": (2, ANY_NEW + BATCH, 16, False),
    "horizon": (1, "SELECT /* measured */ horizon();\n", 1, False),
    "1,000 events, middle": (1, MIDDLE + SELECT + "position > :after AND position <= :rows "
                             "ORDER BY position LIMIT 1000;\n", 1000, True),
    "1,000 events, middle, both ends named": (
        1, MIDDLE + SELECT + "position > :after AND position <= :after + 1000 ORDER BY position "
        "LIMIT 1000;\n", 1000, True),
    "1,000 events, end": (1, SELECT + "position > :rows - 1000 AND position <= :rows "
                          "ORDER BY position LIMIT 1000;\n", 1000, True),
    "1,000 events of a category, middle": (
        1, MIDDLE + SELECT + "category = 'z' AND position > :after AND position <= :rows "
        "ORDER BY position LIMIT 1000;\n", 1000, True),
    "a stream of ten": (1, ANY_OLD + SELECT + f"stream = {NAME.format(number=':number')} AND "
                        "version > 0 ORDER BY version LIMIT 1000;\n", 10, True),
}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Log:
    """A database with a log of so many events, kept in one of the ways."""

    def __init__(self, cluster, way, rows):
        self.cluster, self.way, self.rows = cluster, way, rows
        self.name = f"log_{way}_{rows}"

    def run(self, *statements):
        """In one session and without a limit of time; what the last one told."""
        words = [word for one in (SEARCH, *statements) for word in ("-c", one)]
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *words,
                               self.cluster.url(self.name)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {statements}: {done.stderr.strip()}")
        return done.stdout.strip()

    def make(self):
        self.cluster.sql(f"CREATE DATABASE {self.name}")
        steps = [word for one in sorted((ROOT / "migrations").glob("*.sql"))
                 for word in ("-f", str(one))]
        subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", "CREATE SCHEMA tidemark",
                        "-c", SEARCH, *steps, self.cluster.url(self.name)], check=True,
                       capture_output=True)
        self.cluster.sql(f"ALTER DATABASE {self.name} SET search_path = tidemark, pg_catalog, "
                         "public, pg_temp")
        self.run("CREATE EXTENSION pg_stat_statements SCHEMA public", BARE)
        kind = "parts" if self.way == "parts" else "one"
        if kind == "parts":
            self.run("DROP TABLE events CASCADE",
                     f"CREATE TABLE events({COLUMNS}) PARTITION BY RANGE(position)",
                     "ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTERNAL")
            for part in range(self.rows // PART_ROWS + 1):
                first, end = part * PART_ROWS, (part + 1) * PART_ROWS
                self.run(f"CREATE TABLE events_{part} PARTITION OF events "
                         f"FOR VALUES FROM ({first}) TO ({end})")
        else:
            self.run(WITHOUT)
        self.fill()
        for statement in (*INDEXES[kind], *(TO_BRIN if self.way == "brin" else ())):
            self.run(statement)
            say(f"{self.name}: {statement}")
        self.run("VACUUM (ANALYZE) events")

    def become_brin(self):
        """The same table, for which there is no room twice."""
        self.run(*TO_BRIN)
        self.run("VACUUM (ANALYZE) events")
        self.way = "brin"

    def fill(self):
        for first in range(1, self.rows + 1, CHUNK_ROWS):
            last = min(first + CHUNK_ROWS - 1, self.rows)
            self.run(
                "INSERT INTO events SELECT i, i % {s} / {n} + 1, 1700000000000000 + i, id, id, id, "
                "{name}, {category}, 'opened.v1', '', '{payload}' FROM (SELECT i, "
                "(i / {s}) * {n} + i % {n} AS stream, (lpad(to_hex(i), 12, '0') || '70008' || "
                "lpad(to_hex(i * 48271 % 4294967296), 15, '0'))::uuid AS id FROM "
                "generate_series({f}::bigint, {l}::bigint) AS i OFFSET 0) g".format(
                    s=SPREAD, n=STREAMS_AT_ONCE, f=first, l=last, payload=PAYLOAD,
                    name=NAME.format(number="stream"), category=CATEGORY.format(number="stream")))
            if last % PART_ROWS == 0:
                say(f"{self.name}: {last:,} events")
        if self.rows:
            self.run(f"SELECT setval('positions', {self.rows})")

    def sizes(self):
        """Bytes by index, and of the table itself; partitions together."""
        rows = self.run(
            "SELECT coalesce(regexp_replace(i.relname, '^events(_\\d+)?_(.*?)(_idx)?$', '\\2'), "
            "'table'), sum(pg_relation_size(coalesce(x.indexrelid, c.oid))) FROM pg_class c "
            "LEFT JOIN LATERAL (SELECT indexrelid FROM pg_index WHERE indrelid = c.oid UNION ALL "
            "SELECT NULL) x ON true LEFT JOIN pg_class i ON i.oid = x.indexrelid WHERE c.relkind = "
            "'r' AND c.relname ~ '^events(_\\d+)?$' GROUP BY 1 ORDER BY 1")
        return {name: int(size) for name, size in
                (line.split("|") for line in rows.splitlines())}

    def drop(self):
        self.cluster.sql(f"DROP DATABASE {self.name} WITH (FORCE)", seconds=600)

    def measure(self, row, seconds):
        """A call's figures, once each session has looked up what it needs in the catalogue; None
        where a call takes longer than a statement may."""
        clients, script, _, _ = ROWS[row]
        self.run("CHECKPOINT")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "script.sql"
            path.write_text(script)
            running = subprocess.Popen(
                ["pgbench", "-n", "-M", "prepared", "-f", path, "-c", str(clients), "-j",
                 str(min(clients, 2)), "-T", str(WARM_SECONDS + seconds), "-l", "--log-prefix",
                 f"{folder}/took", "-D", f"rows={self.rows}", "-D",
                 f"streams={max(self.rows // 10, 1)}", self.cluster.url(self.name) +
                 f"?options=-c%20statement_timeout%3D{STATEMENT_SECONDS}s"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(WARM_SECONDS)
            self.run("SELECT public.pg_stat_statements_reset()")
            began = time.time()
            _, complaint = running.communicate()
            if running.returncode != 0:
                if "statement timeout" in complaint:
                    return None
                raise RuntimeError(f"{self.name}, {row}: {complaint[-2000:]}")
            lines = [line.split() for one in pathlib.Path(folder).glob("took*")
                     for line in one.read_text().splitlines()]
        took = sorted(int(line[2]) for line in lines if int(line[4]) >= began)
        calls, pages, read, wal, ms = self.run(
            "SELECT calls, (shared_blks_hit + shared_blks_read)::float / calls, "
            "shared_blks_read::float / calls, wal_bytes / calls, mean_exec_time FROM "
            "public.pg_stat_statements WHERE query LIKE '%/* measured */%' "
            "AND query NOT LIKE '%pg_stat_statements%' ORDER BY calls DESC LIMIT 1").split("|")
        return {"calls_per_s": len(took) / seconds, "p50_us": took[len(took) // 2],
                "p99_us": took[int(len(took) * 0.99)], "pages": float(pages),
                "read": float(read), "wal_bytes": float(wal), "server_us": float(ms) * 1000}


def restart(cluster, settings):
    cluster.stop()
    cluster.settings = {**SERVER_BEFORE, **SERVER, **settings}
    cluster.start()


SERVER_BEFORE = {}


def measure_all(logs, given, result):
    """Takes turns among the logs; a row that took too long is not asked again."""
    for log in logs:
        result["sizes"][f"{log.way}/{log.rows}"] = log.sizes()
    late = set()
    for number in range(given.rounds):
        for row, (_, _, _, needs_events) in ROWS.items():
            for log in logs[number % len(logs):] + logs[:number % len(logs)]:
                key = f"{log.way}/{log.rows}/{row}"
                if (needs_events and not log.rows) or key in late:
                    continue
                found = log.measure(row, given.seconds)
                if found is None:
                    late.add(key)
                result["rows"].setdefault(key, []).append(found)
        say(f"round {number + 1} of {given.rounds} of {', '.join(log.name for log in logs)}")
    given.result.write_text(json.dumps(result, indent=1) + "\n")


def run(cluster, given, result):
    for rows in given.rows:
        if rows <= given.together:
            restart(cluster, FILLING)
            logs = [Log(cluster, way, rows) for way in given.ways]
            for log in logs:
                log.make()
            restart(cluster, {})
            measure_all(logs, given, result)
            for log in logs:
                log.drop()
            continue
        made = None
        for way in given.ways:
            restart(cluster, FILLING)
            if way == "brin" and made and made.way == "one":
                made.become_brin()
            else:
                if made:
                    made.drop()
                made = Log(cluster, way, rows)
                made.make()
            restart(cluster, {})
            measure_all([made], given, result)
        made.drop()


def middle(found, name):
    return statistics.median(one[name] for one in found)


def print_result(result):
    """Tables in Markdown."""
    print("| log | " + " | ".join(("table", "indexes, in GiB")) + " |\n|---|--:|---|")
    for key, sizes in result["sizes"].items():
        indexes = ", ".join(f"{name} {size / 2**30:.2f}" for name, size in sizes.items()
                            if name != "table")
        print(f"| {key} | {sizes['table'] / 2**30:.2f} GiB | {indexes} |")
    print("\n| log | does | calls/s | p50/p99 in µs | in the server | pages (read) | WAL bytes |\n"
          "|---|---|--:|--:|--:|--:|--:|")
    for key, found in result["rows"].items():
        way, rows, row = key.split("/")
        if found[-1] is None:
            print(f"| {way} {int(rows):,} | {row} | over {STATEMENT_SECONDS} s each | | | | |")
            continue
        of = {name: middle(found, name) for name in found[0]}
        print(f"| {way} {int(rows):,} | {row} | {of['calls_per_s']:,.0f} | {of['p50_us']:,.0f} / "
              f"{of['p99_us']:,.0f} | {of['server_us']:,.0f} µs | {of['pages']:.1f} "
              f"({of['read']:.1f}) | {of['wal_bytes']:,.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 10_000_000, 100_000_000])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--together", type=int, default=10_000_000,
                        help="up to so many events the ways stand beside each other")
    parser.add_argument("--result", type=pathlib.Path, default=ROOT / "build" / "large_log.json")
    given = parser.parse_args()
    given.result.parent.mkdir(exist_ok=True)
    result = {"sizes": {}, "rows": {}}
    try:
        cluster = Cluster()
        SERVER_BEFORE.update(cluster.settings)
        with cluster:
            run(cluster, given, result)
    except Unavailable as missing:
        print(missing, file=sys.stderr)
        return 77
    print_result(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
