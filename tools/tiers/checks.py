"""Checks that are no test programs: the tree's own scripts, clang-format, clang-tidy."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import tidy
from rules import layers
from tiers import builds, processes
from tiers.builds import ROOT
from tiers.counts import Count, count

CLANG_TIDY_SECONDS = 300


def script(session, *command):
    """Runs one of the tree's own scripts; its count. What it prints is shown when it fails."""
    lines = []
    code = processes.run([sys.executable, *command], cwd=ROOT, log=session.log,
                         limit_seconds=300, on_line=lines.append)
    ended = count("\n".join(lines), code == 0)
    if ended.failed:
        session.fail(" ".join(command), "\n".join(lines[-200:]))
    session.say(f"{' '.join(command)}: {ended}")
    return ended


def sources_of(suffixes):
    return [path for path in tidy.tracked_files(ROOT)
            if path.endswith(suffixes) and (ROOT / path).is_file()]


def formatted(session):
    """Whether clang-format would change a source: one check a file."""
    files, wrong = sources_of((".cpp", ".hpp")), []
    if not files:
        return Count()
    processes.run(
        ["clang-format-19", "--dry-run", "--ferror-limit=1", *files], cwd=ROOT, log=session.log,
        limit_seconds=300,
        on_line=lambda line: wrong.append(line.split(":")[0]) if ": warning:" in line
        or ": error:" in line else None)
    for path in sorted(set(wrong)):
        session.fail(f"{path}: clang-format would change it (./dev format)")
    return Count(len(files) - len(set(wrong)), len(set(wrong)))


def lint_sources():
    """What clang-tidy reads: the pure files, where it is quick; Asio's headers cost minutes."""
    return [path for path in sources_of((".cpp",))
            if path.endswith("_fsm.cpp") or
            (path.startswith("core/") and path.count("/") == 1 and not path.endswith("_test.cpp"))]


def fingerprint(path, sources):
    """A hash of everything clang-tidy's answer about a file depends on, system headers aside."""
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    names = {path} | {name[len(layers.OURS):] for name, _ in layers.reach(sources, path)
                      if name.startswith(layers.OURS)}
    for name in sorted(names):
        digest.update((ROOT / name).read_bytes() if (ROOT / name).is_file() else name.encode())
    return digest.hexdigest()


def lint_one(path):
    done = subprocess.run(
        ["clang-tidy-19", "-p", builds.CLANG.path, "--quiet", "--warnings-as-errors=*", path],
        cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=CLANG_TIDY_SECONDS)
    return path, done.returncode, done.stdout


def linted(session):
    """clang-tidy over the pure files; a file whose text passed before is not read again."""
    builds.configure(builds.CLANG, session)
    known = compiled_files()
    memory = ROOT / "build/clang-tidy.json"
    passed = json.loads(memory.read_text()) if memory.exists() else {}
    sources, total, todo = tidy.load(ROOT), Count(), {}
    for path in lint_sources():
        if path not in known:
            continue
        mark = fingerprint(path, sources)
        if passed.get(path) == mark:
            total += Count(1)
        else:
            todo[path] = mark
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for path, code, output in pool.map(lint_one, todo):
            total += Count(1, 0) if code == 0 else Count(0, 1)
            if code == 0:
                passed[path] = todo[path]
            else:
                session.fail(f"{path}: clang-tidy", output)
    memory.write_text(json.dumps(passed, indent=1, sort_keys=True))
    session.say(f"clang-tidy: {total}, {len(todo)} of them read now")
    return total


def compiled_files():
    """Paths, relative to the root, of the files that build/clang compiles."""
    text = (builds.CLANG.path / "compile_commands.json").read_text()
    return {os.path.relpath(pathlib.Path(entry["directory"]) / entry["file"], ROOT)
            for entry in json.loads(text)}
