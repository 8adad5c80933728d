"""Build folders: which compiler and options each has, and how tests of a suite run in one."""

import contextlib
import json
import os
import pathlib
import re
import shutil
from dataclasses import dataclass, field

from tiers import counts, outside, processes
from tiers.counts import Broken, Count, Skip

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Suites with a tier of their own; no unit tier runs them.
OWN_TIER = ("tidy", "planted", "crash", "console", "metrics", "docs", "kafka")
# Suites that no test on PostgreSQL belongs to.
WITHOUT_POSTGRES = ("planted", "console", "metrics", "kafka")
CONFIGURE_SECONDS, BUILD_SECONDS, TEST_SECONDS = 300, 4500, 2400
PROGRESS = re.compile(r"^\s*\d+/\d+ ")
MESSAGE_LINES = 80


@dataclass(frozen=True)
class Build:
    """A build folder under build/ and how it is set up."""

    folder: str
    compiler: tuple = ("clang-19", "clang++-19")
    options: tuple = ()
    environment: dict = field(default_factory=dict)
    patience: int = 1

    @property
    def path(self):
        return ROOT / "build" / self.folder


# Tests want short builds and honest stack traces: -O1 and line tables, not a debugger's fill.
QUICK = ("--buildtype=plain", "-Doptimization=1", "-Dcpp_args=-g1")
CLANG = Build("clang", options=QUICK + ("-Dbenchmarks=enabled",))
GCC = Build("gcc", ("gcc", "g++"), QUICK)
ASAN = Build(
    "asan",
    options=("--buildtype=plain", "-Doptimization=1", "-Db_sanitize=address,undefined",
             "-Db_lundef=false", "-Dcpp_args=-g1 -fno-sanitize-recover=undefined"),
    environment={"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
                 "LSAN_OPTIONS": "print_suppressions=0:"
                 f"suppressions={ROOT / 'tools' / 'lsan_suppressions.txt'}",
                 "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"},
    patience=5)
TSAN = Build(
    "tsan",
    options=QUICK + ("-Db_sanitize=thread", "-Db_lundef=false"),
    environment={"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:"
                 "external_symbolizer_path=/usr/lib/llvm-19/bin/llvm-symbolizer:"
                 f"suppressions={ROOT / 'tools' / 'tsan_suppressions.txt'}"},
    patience=8)
PLANTED = Build("planted", options=QUICK + ("-Dplanted_bugs=true",), patience=2)


def environment(build, strict):
    """The environment of a build and its tests: compiler, cache, linker, own temporary folder."""
    cache = pathlib.Path(os.environ["TIDEMARK_CACHE"])
    links = ROOT / "build/.links"
    links.mkdir(parents=True, exist_ok=True)
    temporary = ROOT / "build/tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    env = dict(os.environ)
    cached = "ccache " if shutil.which("ccache") else ""
    env |= {"CC": cached + build.compiler[0], "CXX": cached + build.compiler[1],
            "TMPDIR": str(temporary),
            "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1",
            "CCACHE_DIR": os.environ.get("CCACHE_DIR", str(cache / "ccache")),
            "CCACHE_MAXSIZE": os.environ.get("CCACHE_MAXSIZE", "5G")}
    if strict:
        env["TIDEMARK_STRICT"] = "1"
    linker = pathlib.Path("/usr/lib/llvm-19/bin/ld.lld")
    if linker.exists():
        link = links / "ld.lld"
        if not link.is_symlink():
            link.symlink_to(linker)
        env |= {"CC_LD": "lld", "CXX_LD": "lld", "PATH": f"{links}:{env['PATH']}"}
    return env | build.environment


def configure(build, session):
    """Sets the folder up once, and anew only when what was asked of it has changed."""
    asked, folder = build.path / "asked", build.path
    wanted = " ".join((*build.compiler, *build.options))
    if (folder / "build.ninja").exists() and asked.exists() and asked.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    code = processes.run(
        ["meson", "setup", *build.options, folder], cwd=ROOT, log=session.log,
        limit_seconds=CONFIGURE_SECONDS, env=environment(build, session.strict))
    if code != 0:
        raise Broken(f"meson could not set up build/{build.folder}:\n{session.log_tail(20)}")
    asked.write_text(wanted)


def introspect(build, what):
    return json.loads((build.path / f"meson-info/intro-{what}.json").read_text())


def suites_of(test):
    """The names of a test's suites, without the project's name before them."""
    return {name.rpartition(":")[2] for name in test["suite"]}


def chosen(tests, only=None):
    """The tests of suite `only`, or, without one, those that no tier of their own runs."""
    if only:
        return [test for test in tests if only in suites_of(test)]
    return [test for test in tests if not suites_of(test) & set(OWN_TIER)]


def compile_targets(build, session, tests):
    """Builds what these tests need; tells every error of the first few broken files."""
    needed = {name for test in tests for name in test["depends"]}
    files = [os.path.relpath(name, build.path) for target in introspect(build, "targets")
             if target["id"] in needed for name in target["filename"]]
    code = processes.run(
        ["ninja", "-C", build.path, "-k", "10", *files], cwd=ROOT, log=session.log,
        limit_seconds=BUILD_SECONDS, env=environment(build, session.strict))
    if code != 0:
        raise Broken(f"build/{build.folder} does not build:\n{session.log_errors(MESSAGE_LINES)}")


def run_suite(build, session, only=None, extra=None):
    """Builds and runs the tests of suite `only` (or all unit tests) in `build`; their count."""
    configure(build, session)
    env = environment(build, session.strict) | (extra or {})
    env["PATH"] = outside.promtool_folder(session) + env["PATH"]
    reconfigured = processes.run(["ninja", "-C", build.path, "build.ninja"], log=session.log,
                                 limit_seconds=CONFIGURE_SECONDS, env=env)
    if reconfigured != 0:
        raise Broken(f"build/{build.folder} does not configure:\n{session.log_tail(20)}")
    tests = chosen(introspect(build, "tests"), only)
    if not tests:
        raise Skip(f"no test is registered in suite '{only}'" if only else "no test is registered")
    compile_targets(build, session, tests)
    filters = ["--suite", only] if only else [
        word for suite in OWN_TIER for word in ("--no-suite", suite)]
    records_file = build.path / "meson-logs" / f"{session.tier}.json"
    records_file.unlink(missing_ok=True)
    needed = contextlib.nullcontext({}) if only in WITHOUT_POSTGRES else outside.postgres(session)
    with needed as variables:
        processes.run(
            ["meson", "test", "-C", build.path, "--no-rebuild", "--logbase", session.tier,
             "--timeout-multiplier", str(build.patience), *filters],
            cwd=ROOT, log=session.log, limit_seconds=TEST_SECONDS, env=env | variables,
            on_line=lambda line: session.say(line.strip()) if PROGRESS.match(line) else None)
    if not records_file.exists():
        raise Broken(f"meson test wrote no results:\n{session.log_tail(20)}")
    return tally(counts.read_meson_log(records_file), len(tests), session)


def tally(records, expected, session):
    """The count over all tests; the output of those that failed is printed."""
    total = Count()
    for record in records:
        ended = counts.of_meson_test(record)
        total += ended
        if ended.failed:
            output = record.get("stdout", "") + record.get("stderr", "")
            session.fail(f"{record['name']}: {record['result']} (exit {record['returncode']})",
                         "\n".join(output.rstrip().split("\n")[-MESSAGE_LINES:]))
    if len(records) < expected:
        session.fail(f"{expected - len(records)} of {expected} tests left no result")
        total += Count(0, expected - len(records))
    return total
