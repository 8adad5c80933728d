#!/usr/bin/env python3
"""Writes a C++ source that holds the migrations of a folder, NNNN_name.sql, in their order.

embed.py --output FILE --depfile FILE FOLDER
defines std::span<const postgres_migration> tidemark::postgres_migrations().
"""
import argparse
import pathlib
import re
import sys

NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql$")
DELIMITER = "tidemark_sql"


def steps(folder):
    """(number, name, text) of every migration; numbers start at 1 and leave none out."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = NAME.match(path.name)
        if not match:
            sys.exit(f"{path}: a migration is named NNNN_name.sql")
        text = path.read_text(encoding="utf-8")
        if f"){DELIMITER}\"" in text:
            sys.exit(f"{path}: holds the delimiter of the C++ literal it is put into")
        found.append((int(match[1]), match[2].replace("_", " "), text))
    if [number for number, _, _ in found] != list(range(1, len(found) + 1)):
        sys.exit(f"{folder}: migrations are numbered 0001, 0002, … without gaps")
    return found


def source(found):
    lines = ['#include "tidemark/eventstore/postgres_migrations.hpp"', "", "#include <array>", "",
             "namespace tidemark {", "namespace {", "", "constexpr std::array migrations{"]
    for number, name, text in found:
        literal = f'R"{DELIMITER}({text}){DELIMITER}"'
        lines.append(f'    postgres_migration{{{number}, "{name}", {literal}}},')
    lines += ["};", "", "}  // namespace", "",
              "std::span<const postgres_migration> postgres_migrations() { return migrations; }",
              "", "}  // namespace tidemark", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--depfile", required=True, type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.output.write_text(source(steps(arguments.folder)), encoding="utf-8")
    # The folder stands for files that come and go.
    inputs = [arguments.folder, *sorted(arguments.folder.glob("*.sql")), pathlib.Path(__file__)]
    names = " ".join(str(path.resolve()).replace(" ", "\\ ") for path in inputs)
    arguments.depfile.write_text(f"{arguments.output}: {names}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
