"""Counting: from what test programs print to N passed, N failed, N skipped."""

import json
import re
from dataclasses import dataclass

DOCTEST = re.compile(
    r"\[doctest\] test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped")
UNITTEST = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
UNITTEST_BAD = re.compile(r"\b(failures|errors|skipped|unexpected successes)=(\d+)")
NODE = re.compile(r"^[#ℹ] (pass|fail|cancelled|skipped) (\d+)\s*$", re.MULTILINE)
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*m")
SKIP_CODE = 77


class Skip(Exception):
    """The tier has nothing to run, and why."""


class Broken(Exception):
    """The tier could not get as far as its tests; the text says what is wrong."""


@dataclass(frozen=True)
class Count:
    """Test cases by how they ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed,
                     self.skipped + other.skipped)

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text

    def strict(self):
        """Where everything has to run, what was skipped has failed."""
        return Count(self.passed, self.failed + self.skipped, 0)


def printed(output):
    """The count that a test program's output tells, or None if it tells none."""
    output = ANSI.sub("", output)
    found = DOCTEST.findall(output)
    if found:
        # doctest counts as skipped what a test runs in a process of its own ("elsewhere: …";
        # tools/tidy.py lets no other case be marked so).
        return sum((Count(int(passed), int(failed)) for _, passed, failed, _ in found), Count())
    ran = UNITTEST.findall(output)
    if ran:
        bad = {word: int(number) for word, number in UNITTEST_BAD.findall(output)}
        skipped = bad.pop("skipped", 0)
        total, failed = sum(map(int, ran)), sum(bad.values())
        return Count(max(total - failed - skipped, 0), failed, skipped)
    if NODE.search(output):
        ended = dict.fromkeys(("pass", "fail", "cancelled", "skipped"), 0)
        for word, number in NODE.findall(output):
            ended[word] += int(number)
        return Count(ended["pass"], ended["fail"] + ended["cancelled"], ended["skipped"])
    lines = PLAIN.findall(output)
    if lines:
        passed, failed, skipped = lines[-1]
        return Count(int(passed), int(failed), int(skipped or 0))
    return None


def count(output, succeeded):
    """The count of one program: what it printed, corrected by whether it ended well."""
    told = printed(output)
    if told is None:
        return Count(1, 0) if succeeded else Count(0, 1)
    if not succeeded and told.failed == 0:
        return told + Count(0, 1)
    if succeeded and told == Count():
        return Count(0, 1)
    return told


def of_meson_test(record):
    """The count of one record of meson's testlog.json."""
    output = record.get("stdout", "") + record.get("stderr", "")
    if record["result"] == "SKIP":
        return Count(0, 0, 1)
    return count(output, record["result"] in ("OK", "EXPECTEDFAIL"))


def read_meson_log(path):
    """The records of a testlog.json: one JSON object a line."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        return [json.loads(line) for line in lines if line.strip()]
