#!/usr/bin/env python3
"""Runs the benchmarks, prints each figure beside its limit and its goal, writes JSON.

    bench/run.py --build build/bench [NAME…]      NAME: codec, reduce, runtime, sqlite,
                                                  postgres, kafka, start
    bench/run.py --build build/bench --docs       also renews the tables of docs/performance.md
    bench/run.py --build build/bench --docs kafka that of the rows on brokers alone
    bench/run.py --build build/bench postgres --rows 10000000
                                                  the same with so many events in the log before

Figures are the median of several repetitions in one run; compare ratios, not digits: machines are
noisy. The result is written to BUILD/results.json with commit, machine and date, with --rows to
BUILD/results-ROWS.json."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Name → its programs, each of which is <program>_bench.
PROGRAMS = {"codec": ("codec",), "reduce": ("reduce",), "runtime": ("runtime",),
            "sqlite": ("sqlite",),
            "postgres": ("postgres", "postgres_reads", "postgres_reactions"),
            "kafka": ("kafka",)}
# Name → what runs beside them, if it is installed.
ALSO = {"postgres": (ROOT / "bench" / "pgbench_floor.py",)}
TOOLS = ROOT / "tools"
# Those that need servers: these bring some of their own and pass them on.
WITH_CLUSTER = {"postgres": (TOOLS / "postgres_cluster.py",),
                "kafka": (TOOLS / "kafka_cluster.py", TOOLS / "postgres_cluster.py")}
# Mark in docs/performance.md → what its table is of: rows of one run.
TABLES = {"measured": ("codec", "reduce", "runtime", "sqlite", "postgres", "start"),
          "measured on brokers": ("kafka",)}
QUANTILES = ("p50", "p99", "p999")

# How a program of PostgreSQL is told of the events that are there before.
ROWS_VARIABLE = "TIDEMARK_BENCH_ROWS"

# Row → (the row it is held against, or the slowest of several; "x" for the ratio or a unit;
# comparison, goal, what it means). A row with a further goal has it under its name and " *", held
# against the quickest of several.
GOALS = {
    "reduce/deposit": (None, "ns", "<=", 20, "decide + evolve"),
    "execute/in_shard": (None, "ns", "<=", 1000, "one command on its shard"),
    "execute/across_threads_16": (None, "ns", "<=", 3000, "one command across threads, 16 clients"),
    "sqlite/W1_C1": ("sqlite/W1/floor", "x", ">=", 0.8, "bare WAL/FULL insert"),
    "sqlite/W1_C128": ("sqlite/W1/floor", "x", ">=", 5, "bare WAL/FULL insert"),
    "sqlite/W5_stream": (None, "/s", ">=", 500_000, "events of one stream into state"),
    "execute/in_shard/allocations": (None, "", "<=", 14, "allocations of one command"),
    "postgres/W1_C1": ("postgres/W1_C1/floor", "x", ">=", 0.9, "an insert per commit"),
    "postgres/W1_C16": ("postgres/W1_C16/floor", "x", ">=", 1.5, "an insert per commit"),
    "postgres/W1_C128": ("postgres/W1_C128/floor", "x", ">=", 3, "an insert per commit"),
    "postgres/W1_C128 *": (("postgres/W1_C128/limit", "postgres/W1_C128/limit_two"), "x", ">=", 0.8,
                           "group commit by hand"),
    "postgres/W2_C16": ("postgres/W2_C16/limit", "x", ">=", 0.8, "UNNEST by hand"),
    "postgres/W4_hot": (None, "/s", ">=", 20_000, "commands on one account"),
    "postgres/W5_stream": ("postgres/W5_stream/limit", "x", ">=", 0.8, "COPY without decoding"),
    "postgres/W5_log": ("postgres/W5_log/limit", "x", ">=", 0.8, "COPY without decoding"),
    "postgres/W7_same/p50": (None, "us", "<=", 300, "append returned until seen, one process"),
    "postgres/W7_same/p99": (None, "us", "<=", 1500, "append returned until seen, one process"),
    "postgres/W7_other/p50": (None, "us", "<=", 1000, "append returned until seen, two processes"),
    "postgres/W8_C16": (None, "/s", ">=", 4_000, "sagas that had their command carried out"),
    "postgres/W8_C16/p50": (None, "us", "<=", 4_000, "saga begun until its command is stored"),
    "kafka/relay_memory": (("kafka/producer", "kafka/relay_memory/read"), "x", ">=", 0.8,
                           "librdkafka's producer, or reading the log"),
    "kafka/relay_postgres": (("kafka/producer", "kafka/relay_postgres/read"), "x", ">=", 0.8,
                             "librdkafka's producer, or reading the log"),
    "kafka/consumer": (None, "/s", ">=", 20_000, "events with a document each in PostgreSQL"),
    "kafka/other_process/p50": (None, "us", "<=", 10_000, "accepted until committed over there"),
    "kafka/other_process/p99": (None, "us", "<=", 30_000, "accepted until committed over there"),
    "start/first_answer": (None, "s", "<=", 0.3, "process start to first answer"),
    "start/resident_idle": (None, "MiB", "<=", 30, "resident memory when idle"),
}


def run_program(path, repetitions, servers=()):
    """Benchmark name → median ns of one item; name/allocations → how many one item makes; name/p50
    and so on → microseconds."""
    # A disk has better and worse minutes: what is compared takes turns.
    interleaved = ["--benchmark_enable_random_interleaving=true"] if servers else []
    out = subprocess.run(
        [*servers, path, "--benchmark_format=json",
         f"--benchmark_repetitions={repetitions}",
         "--benchmark_report_aggregates_only=false", *interleaved],
        check=True, capture_output=True, text=True).stdout
    rows = {}
    for one in sorted(json.loads(out)["benchmarks"], key=lambda one: one["family_index"]):
        if one.get("run_type") == "aggregate":
            continue
        name = one["run_name"].split("/iterations:")[0].split("/real_time")[0]
        parts = [part for part in name.split("/") if not part.isdigit()]
        per_second = one.get("items_per_second")
        ns = 1e9 / per_second if per_second else one["real_time"]
        rows.setdefault("/".join(parts), []).append(ns)
        if "allocations" in one:
            rows.setdefault("/".join([*parts, "allocations"]), []).append(one["allocations"])
        for quantile in QUANTILES:
            if quantile + "_us" in one:
                rows.setdefault("/".join([*parts, quantile]), []).append(one[quantile + "_us"])
    return {name: statistics.median(values) for name, values in rows.items()}


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure_start(shop):
    """Start to first answer in seconds, and resident MiB after a second without work."""
    import tempfile
    seconds, resident = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            port, admin = free_port(), free_port()
            began = time.monotonic()
            process = subprocess.Popen(
                [shop, "dev", "--port", str(port), "--admin-port", str(admin), "--no-demo",
                 "--store", f"sqlite:{folder}/bench.db"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while True:
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/orders", timeout=1)
                        break
                    except OSError:
                        if process.poll() is not None or time.monotonic() - began > 20:
                            raise RuntimeError("the shop did not start") from None
                        time.sleep(0.002)
                seconds.append(time.monotonic() - began)
                time.sleep(1)
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                kib = next(int(line.split()[1]) for line in status.splitlines()
                           if line.startswith("VmRSS"))
                resident.append(kib / 1024)
            finally:
                process.terminate()
                process.wait(30)
    return {"start/first_answer": statistics.median(seconds),
            "start/resident_idle": statistics.median(resident)}


def judged(name, figures):
    """(value, unit, goal text, 'yes'/'no'/'') of a row."""
    against, unit, sign, goal, what = GOALS.get(name, (None, None, None, None, ""))
    if unit is None:
        return figures[name], "ns", "", ""
    if unit == "x":
        limits = (against,) if isinstance(against, str) else against
        value = max(figures[limit] for limit in limits) / figures[name]
    elif unit == "/s":
        value = 1e9 / figures[name]
    else:
        value = figures[name]
    is_met = value <= goal if sign == "<=" else value >= goal
    return value, unit, f"{sign} {goal:g} {unit}".rstrip() + f" ({what})", "yes" if is_met else "NO"


def further_goals(name, figures):
    """A line for each goal of a row beyond its first."""
    if name + " *" not in GOALS:
        return []
    against, _, sign, goal, what = GOALS[name + " *"]
    ratio = min(figures[one] for one in against) / figures[name]
    is_met = ratio <= goal if sign == "<=" else ratio >= goal
    return [(name, "", "", "", f"{ratio:.2f} x", f"{sign} {goal:g} x ({what})",
             "yes" if is_met else "NO")]


def lines_of(figures):
    """The table: a heading, then a line a row, as texts."""
    lines = [("benchmark", "per item", "rate", "p50/p99/p99.9 in µs", "of its limit", "goal",
              "met")]
    for name, value in figures.items():
        if name.rpartition("/")[2] in QUANTILES and name not in GOALS:
            continue
        seen, unit, goal, is_met = judged(name, figures)
        limit = figures.get(name + "/limit")
        ratio = f"{value / limit:.2f} x" if limit else ""
        if unit == "x":
            ratio = f"{seen:.2f} x"
        if name.startswith("start/"):
            lines.append((name, f"{value:.3f} {unit}", "", "", "", goal, is_met))
        elif name.endswith("/allocations"):
            lines.append((name, f"{value:.1f}", "", "", "", goal, is_met))
        elif unit == "us":
            lines.append((name, f"{value:,.0f} µs", "", "", "", goal, is_met))
        else:
            digits = 1 if value < 100 else 0
            spans = [figures.get(f"{name}/{quantile}") for quantile in QUANTILES]
            spread = " / ".join(f"{span:,.0f}" for span in spans if span is not None)
            lines.append((name, f"{value:,.{digits}f} ns", f"{1e9 / value:,.0f}/s", spread, ratio,
                          goal, is_met))
        lines += further_goals(name, figures)
    return lines


def print_table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def renew_page(page, mark, lines, result):
    """Replaces what stands between these marks of docs/performance.md."""
    begin, end = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->"
    text = page.read_text()
    if begin not in text or end not in text:
        sys.exit(f"bench: {page} has no marks {begin.strip()} and {end}")
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    rows.insert(1, "|---|--:|--:|--:|--:|---|---|")
    head = (f"`{result['command']}`, commit {result['commit']}, {result['date']}, "
            f"{result['machine']}:\n\n")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    page.write_text(before + begin + head + "\n".join(rows) + "\n" + end + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--docs", action="store_true",
                        help="renew the tables of docs/performance.md that are whole")
    parser.add_argument("names", nargs="*", help=", ".join((*PROGRAMS, "start")))
    parser.add_argument("--rows", type=int, metavar="N", help="PostgreSQL alone, all of it on one "
                        "log that holds N events before; each program fills one, which takes "
                        "minutes and about 1 GiB for two million")
    given = parser.parse_args()
    wanted = given.names or [*PROGRAMS, "start"]
    unknown = [name for name in wanted if name not in (*PROGRAMS, "start")]
    if unknown:
        known = ", ".join((*PROGRAMS, "start"))
        sys.exit(f"bench: no benchmark {', '.join(unknown)}; there are {known}")
    tables = {mark: names for mark, names in TABLES.items() if set(names) <= set(wanted)}
    if given.docs and not tables:
        sys.exit("bench: a table of docs/performance.md is of one run of all its rows; name "
                 "kafka, or none")
    if given.rows is not None:
        if given.names != ["postgres"] or given.rows < 0:
            sys.exit("bench: --rows N is for PostgreSQL alone, N from 0: postgres --rows 10000000")
        os.environ[ROWS_VARIABLE] = str(given.rows)
    figures = {}
    for name in wanted:
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        if name == "start":
            figures |= measure_start(given.build / "examples" / "shop")
        else:
            ours = [given.build / "bench" / f"{program}_bench" for program in PROGRAMS[name]]
            for program in (*ours, *ALSO.get(name, ())):
                figures |= run_program(program, given.repetitions, WITH_CLUSTER.get(name, ()))
    lines = lines_of(figures)
    print_table(lines)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                            capture_output=True, check=False).stdout.strip()
    result = {"command": " ".join(("./dev bench", *given.names)), "commit": commit,
              "machine": f"{os.cpu_count()} cores, {platform.platform()}",
              "date": datetime.date.today().isoformat(), "rows_before": given.rows or 0,
              "median_ns_per_item": figures}
    target = given.build / f"results{'' if given.rows is None else f'-{given.rows}'}.json"
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {target}")
    for mark, names in tables.items() if given.docs else ():
        rows = {row: figure for row, figure in figures.items()
                if row.startswith("kafka/") == (names == ("kafka",))}
        renew_page(ROOT / "docs" / "performance.md", mark, lines_of(rows), result)


if __name__ == "__main__":
    main()
