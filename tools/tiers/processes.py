"""Programs that a test run starts: each with a log and a time limit, none left behind."""

import ctypes
import os
import pathlib
import signal
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 10


class Interrupted(Exception):
    """Somebody asked the run to end."""


def adopt_orphans():
    """Makes this process the parent of whatever its programs leave behind, so it can end them."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def on_signal(number, _frame):
    raise Interrupted(signal.Signals(number).name)


def catch_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)


def children():
    """Process id → command line of this process's children that still run."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                command = (stat.parent / "cmdline").read_text().replace("\0", " ").strip()
                found[int(stat.parent.name)] = command
        except (OSError, IndexError):
            continue
    return found


def reap():
    """Takes leave of adopted children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def end_children():
    """Ends every child that still runs, gently first; returns their command lines."""
    left = children()
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in children():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        until = time.monotonic() + (GRACE_SECONDS if number == signal.SIGTERM else 1)
        while children() and time.monotonic() < until:
            reap()
            time.sleep(0.02)
        reap()
        if not children():
            break
    return sorted(left.values())


def signal_group(process, number):
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def end_group(process):
    """Asks the program and its group to end, then makes them."""
    for number, grace in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        signal_group(process, number)
        try:
            process.wait(grace)
            break
        except subprocess.TimeoutExpired:
            continue
    signal_group(process, signal.SIGKILL)


def run(command, *, log, limit_seconds, cwd=None, env=None, on_line=None):
    """Runs `command` in a group of its own, its output appended to the file `log`; exit code.

    `on_line` hears each line. A program that takes longer than its limit is ended and told as 124.
    """
    expired = threading.Event()
    with open(log, "a", encoding="utf-8", errors="replace") as out:
        out.write(f"$ {' '.join(map(str, command))}\n")
        out.flush()
        process = subprocess.Popen(
            list(map(str, command)), cwd=cwd, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)

        def expire():
            expired.set()
            end_group(process)

        timer = threading.Timer(limit_seconds, expire)
        timer.start()
        try:
            for line in process.stdout:
                out.write(line)
                if on_line:
                    on_line(line.rstrip("\n"))
            code = process.wait()
        except BaseException:
            end_group(process)
            raise
        finally:
            timer.cancel()
            process.stdout.close()
        if expired.is_set():
            out.write(f"ended after its limit of {limit_seconds} s\n")
            return 124
        return code
