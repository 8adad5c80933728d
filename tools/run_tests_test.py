#!/usr/bin/env python3
"""Tests of what ./dev test runs on: counting, choosing tests, ending programs."""

import io
import os
import pathlib
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import postgres_cluster  # noqa: E402
import run_tests  # noqa: E402
from tiers import builds, counts, outside, processes, table  # noqa: E402
from tiers.counts import Count  # noqa: E402

DOCTEST = "[doctest] test cases:  {} |  {} passed | {} failed | {} skipped\n"


class Counting(unittest.TestCase):
    def test_what_a_program_prints_is_counted(self):
        for output, succeeded, wanted in (
                (DOCTEST.format(5, 5, 0, 0), True, Count(5, 0, 0)),
                (DOCTEST.format(5, 3, 2, 1), False, Count(3, 2, 0)),
                ("\x1b[0;36m" + DOCTEST.format(2, 2, 0, 0), True, Count(2, 0, 0)),
                ("Ran 7 tests in 0.01s\n\nOK\n", True, Count(7, 0, 0)),
                ("Ran 7 tests in 0.01s\nFAILED (failures=1, errors=2, skipped=1)\n", False,
                 Count(3, 3, 1)),
                ("# pass 3\n# fail 0\n# skipped 1\nℹ pass 2\nℹ fail 1\nℹ cancelled 1\n", False,
                 Count(5, 2, 1)),
                ("crash: 20 passed, 0 failed\n", True, Count(20, 0, 0)),
                ("3 passed, 1 failed, 2 skipped\n", False, Count(3, 1, 2)),
                ("anything\n", True, Count(1, 0, 0)),
                ("anything\n", False, Count(0, 1, 0))):
            with self.subTest(output=output):
                self.assertEqual(wanted, counts.count(output, succeeded))

    def test_a_program_that_fails_without_a_failed_case_has_failed(self):
        self.assertEqual(Count(5, 1), counts.count(DOCTEST.format(5, 5, 0, 0), False))

    def test_a_program_that_ran_no_case_has_failed(self):
        self.assertEqual(Count(0, 1), counts.count(DOCTEST.format(0, 0, 0, 0), True))

    def test_how_meson_says_a_test_ended_counts(self):
        for result, wanted in (("OK", Count(1)), ("FAIL", Count(0, 1)), ("TIMEOUT", Count(0, 1)),
                               ("ERROR", Count(0, 1)), ("SKIP", Count(0, 0, 1))):
            with self.subTest(result=result):
                self.assertEqual(wanted, counts.of_meson_test({"result": result}))

    def test_what_is_skipped_has_failed_where_everything_has_to_run(self):
        self.assertEqual(Count(1, 3, 0), Count(1, 1, 2).strict())


class Session:
    """A tier's run that keeps what is said."""

    def __init__(self, strict):
        self.strict, self.said = strict, []

    def say(self, text):
        self.said.append(text)


class Closing(unittest.TestCase):
    def test_what_failed_is_told_again_right_before_the_table(self):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(run_tests, "LOGS", pathlib.Path(folder)), \
                mock.patch("sys.stdout", io.StringIO()) as printed:
            session = run_tests.Session("unit", strict=True)
            session.fail("store: FAIL (exit 1)", "\n".join(map(str, range(100))))
            rows = [("unit", Count(5, 1), 0.1, "")]
            code = run_tests.close(rows, [f"unit: {text}" for text in session.failures])
        again = printed.getvalue().rpartition("unit: --- store: FAIL (exit 1)")[2]
        self.assertEqual(1, code)
        self.assertNotIn("  10\n", again)
        self.assertIn("  99\n\ntier ", again)
        self.assertTrue(again.endswith("\n5 passed, 1 failed\n"))


class Databases(unittest.TestCase):
    MISSING = mock.Mock(side_effect=postgres_cluster.Unavailable("it is not installed"))

    def test_without_a_server_its_tests_are_skipped_by_name(self):
        session = Session(strict=False)
        with mock.patch.object(postgres_cluster, "Cluster", self.MISSING):
            with outside.postgres(session) as variables:
                self.assertEqual({}, variables)
        self.assertEqual(["SKIPPED on PostgreSQL: it is not installed"], session.said)

    def test_without_a_server_everything_that_has_to_run_fails(self):
        with mock.patch.object(postgres_cluster, "Cluster", self.MISSING):
            with self.assertRaises(counts.Broken):
                with outside.postgres(Session(strict=True)):
                    self.fail("it ran")

    def test_a_server_is_gone_after_its_tests_however_they_end(self):
        made = mock.Mock()
        made.return_value.start.return_value.url.return_value = "postgres://here"
        with mock.patch.object(postgres_cluster, "Cluster", made):
            with self.assertRaises(KeyError):
                with outside.postgres(Session(strict=True)) as variables:
                    self.assertEqual({"TIDEMARK_TEST_POSTGRES": "postgres://here"}, variables)
                    raise KeyError
        made.return_value.start.return_value.remove.assert_called_once()


class Choosing(unittest.TestCase):
    TESTS = [{"name": "ids", "suite": ["tidemark:core"]},
             {"name": "gate", "suite": ["tidemark:async", "tidemark:threaded"]},
             {"name": "kill", "suite": ["tidemark:crash"]}]

    def names(self, only=None):
        return [test["name"] for test in builds.chosen(self.TESTS, only)]

    def test_a_suite_with_a_tier_of_its_own_is_left_to_it(self):
        self.assertEqual(["ids", "gate"], self.names())

    def test_a_suite_is_chosen_by_name(self):
        self.assertEqual((["gate"], ["kill"], []),
                         (self.names("threaded"), self.names("crash"), self.names("none")))

    def test_every_tier_has_a_name_of_its_own_and_a_claim(self):
        names = [tier.name for tier in table.TABLE]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(tier.claim for tier in table.TABLE))


class Running(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name) / "log"

    def test_lines_are_heard_and_logged_and_the_code_is_told(self):
        heard = []
        code = processes.run(["sh", "-c", "echo one; echo two >&2; exit 3"], log=self.log,
                             limit_seconds=60, on_line=heard.append)
        self.assertEqual((3, {"one", "two"}), (code, set(heard)))
        self.assertIn("two", self.log.read_text())

    def test_a_program_over_its_limit_is_ended_with_its_group(self):
        code = processes.run(["sh", "-c", "sleep 600 & echo $!; wait"], log=self.log,
                             limit_seconds=0.2)
        self.assertEqual(124, code)
        pid = int(self.log.read_text().split("\n")[1])
        until = time.monotonic() + 30
        while running(pid) and time.monotonic() < until:
            os.sched_yield()
        self.assertFalse(running(pid))

    def test_what_a_program_leaves_behind_is_ended_and_named(self):
        script = ("import sys; sys.path.insert(0, 'tools'); from tiers import processes as p; "
                  f"p.adopt_orphans(); p.run(['setsid', 'sh', '-c', 'sleep 601 >/dev/null 2>&1 &'],"
                  f" log='{self.log}', limit_seconds=60); print(p.end_children())")
        heard = []
        processes.run([sys.executable, "-c", script], cwd=builds.ROOT, log=self.log,
                      limit_seconds=60, on_line=heard.append)
        self.assertEqual(["['sleep 601']"], heard)


def running(pid):
    """Whether the process is there and no zombie."""
    try:
        return bool(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    unittest.main()
