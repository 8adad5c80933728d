#!/usr/bin/env python3
"""PostgreSQL's own pgbench on the server of TIDEMARK_TEST_POSTGRES: one insert and commit for each
event, prepared, from 1, 16 and 128 clients. Writes what Google Benchmark would write, so that it
stands beside the floor of our own. Nothing where pgbench is not installed.

    tools/postgres_cluster.py bench/pgbench_floor.py [--benchmark_repetitions=N] [...]"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid

CLIENTS = (1, 16, 128)
# The later ones only where the sessions were not open within the first, on a busy machine.
SECONDS = ("2", "10", "30")
TABLE = """CREATE TABLE bare(position bigserial PRIMARY KEY, stream text, version bigint,
                             payload text, UNIQUE(stream, version))"""
# A number of 60 bits is not drawn twice; spread over the index as fresh ids are.
SCRIPT = r"""\set stream random(1, 1000000000000000000)
INSERT INTO bare(stream, version, payload) VALUES('account-' || :stream, 1, '%s');
"""


def run(url, clients, folder):
    """Inserts a second in a fresh table."""
    name = f"pgbench_{uuid.uuid4().hex}"
    for database, statement in (("postgres", f"CREATE DATABASE {name}"), (name, TABLE)):
        subprocess.run(["psql", "-XAtq", "-c", statement, f"{url}/{database}"], check=True)
    script = os.path.join(folder, "insert.sql")
    with open(script, "w", encoding="utf-8") as out:
        out.write(SCRIPT % ("x" * 220))
    for seconds in SECONDS:
        said = subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-f", script, "-c", str(clients), "-j",
             str(min(clients, os.cpu_count() or 1)), "-T", seconds, f"{url}/{name}"],
            check=True, capture_output=True, text=True).stdout
        rate = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        if rate:
            return float(rate.group(1))
    sys.exit(f"bench: pgbench with {clients} clients made no insert within {SECONDS[-1]} s: {said}")


def main():
    asked = [word.partition("=")[2] for word in sys.argv if word.startswith("--benchmark_repet")]
    repetitions = int(asked[0]) if asked else 1
    rows = []
    if shutil.which("pgbench"):
        url = os.environ["TIDEMARK_TEST_POSTGRES"].rpartition("/")[0]
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(repetitions):
                for place, clients in enumerate(CLIENTS):
                    rows.append({"run_name": f"postgres/W1_C{clients}/pgbench",
                                 "run_type": "iteration", "family_index": place,
                                 "items_per_second": run(url, clients, folder)})
    json.dump({"benchmarks": rows}, sys.stdout)


if __name__ == "__main__":
    main()
