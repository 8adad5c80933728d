#!/usr/bin/env python3
"""Puts #include lines in order: the own header, ours, libraries, the standard library.

Without --write it names the files that are not in order and exits 1. A run of includes with a
comment or a condition in it is somebody's intent and stays as it is.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import tidy  # noqa: E402
from rules import layers  # noqa: E402
from rules.source import INCLUDE, Source  # noqa: E402


def include_runs(source):
    """(first, last) line numbers of each run of include lines and the blank lines among them."""
    numbers = {include.line for include in source.includes}
    runs, at = [], 1
    while at <= len(source.lines):
        if at not in numbers:
            at += 1
            continue
        last = end = at
        while end + 1 <= len(source.lines):
            end += 1
            if end in numbers:
                last = end
            elif source.lines[end - 1].strip():
                break
        runs.append((at, last))
        at = last + 1
    return runs


def ordered(source):
    """The file's text with each run of includes in order."""
    lines = list(source.lines)
    by_line = {include.line: include for include in source.includes}
    for first, last in reversed(include_runs(source)):
        groups = {}
        for number in range(first, last + 1):
            include = by_line.get(number)
            if include:
                line = lines[number - 1].rstrip()
                groups.setdefault(layers.group(source, include), set()).add(line)
        blocks = [sorted(groups[place], key=lambda line: INCLUDE.match(line).group(2))
                  for place in sorted(groups)]
        lines[first - 1:last] = "\n\n".join("\n".join(block) for block in blocks).split("\n")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="puts #include lines in order")
    parser.add_argument("--write", action="store_true", help="rewrite files in place")
    parser.add_argument("paths", nargs="*", help="only these files or folders")
    arguments = parser.parse_args()
    wrong = 0
    for path, source in tidy.load(tidy.ROOT).items():
        chosen = not arguments.paths or any(
            path == wanted or path.startswith(wanted.rstrip("/") + "/")
            for wanted in arguments.paths)
        if not source.is_cpp or not chosen or not layers.order(source):
            continue
        wrong += 1
        if arguments.write:
            (tidy.ROOT / path).write_text(ordered(Source(path, source.text)), encoding="utf-8")
        else:
            print(path)
    return 1 if wrong and not arguments.write else 0


if __name__ == "__main__":
    sys.exit(main())
