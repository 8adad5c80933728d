#!/usr/bin/env python3
"""Checks the tree against the style: layers, the await rule, names, sizes, links.

Prints `file:line: rule: message` for each breach and exits 1 if there is one. The rules stand in
tools/rules/, one file a subject; what they may not see is tested in tools/tidy_test.py.
"""

import argparse
import multiprocessing
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from rules import awaits, code, documents, layers, names, texts  # noqa: E402
from rules.source import Source  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
GROUPS = ("layers", "code", "documents")
BINARY = (".png", ".jpg", ".gif", ".ico", ".woff2", ".gz", ".db", ".pdf")


def tracked_files(root):
    """Paths of all files that are, or could be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted({path for path in listed.split("\0") if path})


def load(root):
    """All text files of the tree: path → Source."""
    sources = {}
    for path in tracked_files(root):
        file = root / path
        if path.endswith(BINARY) or file.is_symlink() or not file.is_file():
            continue
        try:
            sources[path] = Source(path, file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
        except FileNotFoundError:
            continue
    return sources


def check_file(source, machine):
    """Findings that need no other file."""
    found = names.check(source) + code.check(source) + texts.check(source, machine)
    return found + awaits.check(source)


def check_chunk(argument):
    chunk, machine = argument
    return [finding for source in chunk for finding in check_file(source, machine)]


def check_tree(sources, root, groups=GROUPS):
    """All findings of `groups` over the tree, ordered by file and line."""
    findings = []
    if "layers" in groups:
        findings += layers.check(sources)
    if "documents" in groups:
        for source in sources.values():
            if source.path.endswith(".md"):
                findings += documents.check(source, sources, lambda path: (root / path).exists())
    if "code" in groups:
        machine, every = texts.machine_path(root), list(sources.values())
        chunks = [(every[start::8], machine) for start in range(8)]
        with multiprocessing.Pool(min(4, multiprocessing.cpu_count())) as pool:
            for found in pool.map(check_chunk, chunks):
                findings += found
    return sorted(findings, key=lambda finding: (finding.path, finding.line, finding.rule))


def main():
    parser = argparse.ArgumentParser(description="checks the tree against the style")
    parser.add_argument("--only", choices=GROUPS, help="check one group of rules")
    parser.add_argument("paths", nargs="*", help="print findings of these files or folders only")
    arguments = parser.parse_args()
    sources = load(ROOT)
    groups = (arguments.only,) if arguments.only else GROUPS
    findings = check_tree(sources, ROOT, groups)
    if arguments.paths:
        wanted = tuple(path.rstrip("/") for path in arguments.paths)
        findings = [finding for finding in findings
                    if any(finding.path == path or finding.path.startswith(path + "/")
                           for path in wanted)]
    for finding in findings:
        print(finding)
    print(f"tidy: {len(sources)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
