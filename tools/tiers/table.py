"""The tiers of ./dev test, in the order in which they run: cheap before dear."""

from dataclasses import dataclass
from typing import Callable

from tiers import builds, checks, outside
from tiers.builds import run_suite

# BUILD stands for the packages that every build needs, POSTGRES for a server; `dev` knows them.
CLANG_PACKAGES = ("BUILD", "clang-19", "lld-19", "libclang-rt-19-dev", "llvm-19", "ccache",
                  "doctest-dev", "libbenchmark-dev",
                  "librapidcheck-dev", "POSTGRES")
GCC_PACKAGES = ("BUILD", "g++", "lld-19", "ccache", "doctest-dev", "librapidcheck-dev",
                "POSTGRES")


@dataclass(frozen=True)
class Tier:
    """A named part of the run: what it claims, what it needs, and how it is counted."""

    name: str
    claim: str
    packages: tuple
    run: Callable


def run_tidy(session):
    return (checks.script(session, "tools/tidy.py") + checks.script(session, "tools/tidy_test.py")
            + checks.script(session, "tools/run_tests_test.py") + checks.linted(session))


def run_docs(session):
    return (checks.script(session, "tools/snippets.py")
            + checks.script(session, "tools/snippets_test.py"))


def run_console(session):
    return run_suite(builds.CLANG, session, "console", outside.browser_driver_folder())


TABLE = (
    Tier("format", "clang-format has nothing to change",
         ("clang-format-19",), checks.formatted),
    Tier("tidy", "layers, the await rule, names, sizes; clang-tidy on the pure files",
         CLANG_PACKAGES + ("clang-tidy-19",), run_tidy),
    Tier("docs", "code blocks in README and tutorial are extracts of compiled code",
         (), run_docs),
    Tier("unit-clang", "all tests of all modules, clang++ 19",
         CLANG_PACKAGES, lambda session: run_suite(builds.CLANG, session)),
    Tier("crash", "kill -9 of the real program loses nothing that was acknowledged",
         CLANG_PACKAGES + ("strace", "pgbouncer", "openssl"),
         lambda session: run_suite(builds.CLANG, session, "crash")),
    Tier("kafka", "real brokers that are hurt lose nothing and keep the order",
         CLANG_PACKAGES + ("default-jre-headless", "maven", "openssl", "strace", "faketime"),
         lambda session: run_suite(builds.CLANG, session, "kafka")),
    Tier("console", "the console in a real headless browser",
         CLANG_PACKAGES + ("chromium", "nodejs", "npm"), run_console),
    Tier("metrics", "promtool finds nothing in what /metrics serves",
         CLANG_PACKAGES, lambda session: run_suite(builds.CLANG, session, "metrics")),
    Tier("planted", "the simulation catches every planted bug",
         CLANG_PACKAGES, lambda session: run_suite(builds.PLANTED, session, "planted")),
    Tier("unit-gcc", "all tests of all modules, g++",
         GCC_PACKAGES, lambda session: run_suite(builds.GCC, session)),
    Tier("tsan", "the threaded suites under the thread sanitizer",
         CLANG_PACKAGES, lambda session: run_suite(builds.TSAN, session, "threaded")),
    Tier("asan", "all tests under the address and undefined behaviour sanitizers",
         CLANG_PACKAGES, lambda session: run_suite(builds.ASAN, session)),
)
