#!/usr/bin/env python3
"""Keeps the code blocks of README.md and the tutorial equal to compiled code.

A source marks a region with the lines `// [name]` and `// [/name]` (`#` and `--` work as well). A
page puts `<!-- snippet: path#name -->` on the line before a fenced block, which then equals that
region, less its common indentation. A block of commands or their output has `<!-- command -->`
there instead, and only a shell, text or JSON block may. --write refreshes the pages.
"""

import argparse
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/tutorial.md")
MARK = re.compile(r"<!-- snippet: (?P<path>[^#\s]+)#(?P<name>[\w.-]+) -->\s*$")
COMMAND = re.compile(r"<!-- command -->\s*$")
COMMAND_LANGUAGES = ("sh", "console", "text", "json", "http")
TAG = re.compile(r"^\s*(?://|#|--) \[(/?)([\w.-]+)\]\s*$")
FENCE = re.compile(r"^(```+|~~~+)\s*(\w*)\s*$")


class Problem(Exception):
    """What is wrong with one block, and what to do about it."""


def region(text, name):
    """The lines of the region `name`, without nested tags and common indentation."""
    lines, inside, seen = [], False, False
    for line in text.split("\n"):
        tag = TAG.match(line)
        if tag and tag.group(2) == name:
            if bool(tag.group(1)) != inside:
                raise Problem(f"region '{name}' opens or closes twice")
            inside, seen = not tag.group(1), True
        elif inside and not tag:
            lines.append(line)
    if not seen:
        raise Problem(f"there is no region '{name}': put // [{name}] and // [/{name}] around it")
    if inside:
        raise Problem(f"region '{name}' never ends: // [/{name}] is missing")
    return textwrap.dedent("\n".join(lines)).strip("\n")


def is_compiled(root, path):
    """Whether a meson.build beside or above the source names it (headers are compiled by users)."""
    if path.endswith(".hpp"):
        return True
    file = pathlib.PurePosixPath(path)
    names = {file.name, file.stem, file.stem.removesuffix("_test")}
    for folder in file.parents:
        build = root / folder / "meson.build"
        if build.is_file():
            text = re.sub(r"#.*", "", build.read_text(encoding="utf-8"))
            if names & {word.rpartition("/")[2] for word in re.findall(r"'([^']*)'", text)}:
                return True
    return False


def wanted(root, path, name):
    """The text that a block marked `path#name` has to show."""
    source = root / path
    if not source.is_file():
        raise Problem(f"there is no file {path}")
    if not is_compiled(root, path):
        raise Problem(f"no meson.build compiles {path}: a snippet is an extract of compiled code")
    return region(source.read_text(encoding="utf-8"), name)


def renew(root, text):
    """The page with every snippet as it should be, and the problems as (line, message)."""
    out, problems, lines, at = [], [], text.split("\n"), 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if not fence:
            out.append(lines[at])
            at += 1
            continue
        end = at + 1
        while end < len(lines) and lines[end].strip() != fence.group(1):
            end += 1
        body = lines[at + 1:end]
        try:
            renewed = block(root, lines[at - 1] if at else "", fence.group(2), body)
        except Problem as problem:
            problems.append((at + 1, str(problem)))
            renewed = body
        out += [lines[at], *renewed, *lines[end:end + 1]]
        at = end + 1
    return "\n".join(out), problems


def block(root, before, language, body):
    """The lines that the block below the line `before` has to hold."""
    mark = MARK.search(before)
    if mark:
        return wanted(root, mark.group("path"), mark.group("name")).split("\n")
    if not COMMAND.search(before):
        raise Problem("a code block without its source: put <!-- snippet: path#name --> (or, over "
                      "commands and their output, <!-- command -->) on the line before it")
    if language not in COMMAND_LANGUAGES:
        raise Problem(f"a block of '{language}' is no command: it needs a snippet mark")
    return body


def main():
    parser = argparse.ArgumentParser(description="code blocks in pages equal compiled code")
    parser.add_argument("--write", action="store_true", help="refresh the pages")
    arguments = parser.parse_args()
    failures = pages = 0
    for name in PAGES:
        page = ROOT / name
        if not page.is_file():
            print(f"{name}: is missing")
            failures += 1
            continue
        pages += 1
        text = page.read_text(encoding="utf-8")
        renewed, problems = renew(ROOT, text)
        for line, message in problems:
            print(f"{name}:{line}: snippet: {message}")
        failures += len(problems)
        if renewed != text and arguments.write:
            page.write_text(renewed, encoding="utf-8")
        elif renewed != text:
            failures += 1
            print(f"{name}: snippet: a block differs from its source: tools/snippets.py --write")
    print(f"snippets: {pages} pages, {failures} findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
