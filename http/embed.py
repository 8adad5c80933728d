#!/usr/bin/env python3
"""Writes a C++ source that holds the files of a folder, for http::serve_files.

embed.py --name console_files --output console_files.cpp FOLDER
declares, in namespace tidemark: std::span<const http::embedded_file> console_files();
The same folder gives the same bytes. With --list-inputs it prints the files instead, for the build
system; with --depfile it writes them as a Make rule.
"""
import argparse
import gzip
import hashlib
import pathlib
import sys

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
SKIPPED_SUFFIXES = ("_test.mjs", "_test.js")
LINE_BYTES = 24


def served_files(folder):
    """The files below the folder that are served, sorted; unknown kinds are an error."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.endswith(SKIPPED_SUFFIXES):
            continue
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.suffix in CONTENT_TYPES:
            found.append((name, path))
        elif path.suffix not in (".build", ".md", ".py", ".cpp", ".hpp"):
            sys.exit(f"{path}: no content type is known for {path.suffix!r}; add it to embed.py")
    return found


def escaped(content):
    """C++ string literals, octal, so that no digit behind an escape can join it."""
    lines = []
    for start in range(0, len(content), LINE_BYTES):
        piece = content[start:start + LINE_BYTES]
        lines.append('    "' + "".join(f"\\{byte:03o}" for byte in piece) + '"')
    return "\n".join(lines) or '    ""'


def literal(name, content):
    return (f"constexpr char {name}[] =\n{escaped(content)};\n"
            f"static_assert(sizeof({name}) == {len(content) + 1});\n")


def source(name, files):
    parts = ["// Made by http/embed.py at build time.",
             '#include "tidemark/http/static_files.hpp"', "", "#include <array>", "",
             "namespace tidemark {", "", "namespace {", ""]
    entries = []
    for index, (path, file) in enumerate(files):
        content = file.read_bytes()
        packed = gzip.compress(content, 9, mtime=0)
        tag = hashlib.sha256(content).hexdigest()[:16]
        parts.append(literal(f"bytes_{index}", content))
        packed_view = "{}"
        if len(packed) < len(content):
            parts.append(literal(f"gzip_bytes_{index}", packed))
            packed_view = f"{{gzip_bytes_{index}, {len(packed)}}}"
        entries.append(f'    http::embedded_file{{"{path}", "{CONTENT_TYPES[file.suffix]}",\n'
                       f"                        {{bytes_{index}, {len(content)}}},\n"
                       f"                        {packed_view},\n"
                       f'                        "\\"{tag}\\""}},')
    parts += [f"constexpr std::array<http::embedded_file, {len(entries)}> files{{", *entries, "};",
              "", "}  // namespace", "",
              f"std::span<const http::embedded_file> {name}();",
              f"std::span<const http::embedded_file> {name}() {{ return files; }}", "",
              "}  // namespace tidemark", ""]
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--name", default="embedded_files")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--depfile", type=pathlib.Path)
    parser.add_argument("--list-inputs", action="store_true")
    options = parser.parse_args()
    files = served_files(options.folder)
    if options.list_inputs:
        print("\n".join(str(file) for _, file in files))
        return
    if options.output is None:
        parser.error("--output is missing; name the source to write")
    if not options.name.isidentifier():
        parser.error(f"--name {options.name!r} is not an identifier")
    options.output.write_text(source(options.name, files), encoding="ascii")
    if options.depfile:
        inputs = " ".join(str(file) for _, file in files)
        options.depfile.write_text(f"{options.output}: {inputs}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
