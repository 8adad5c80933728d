"""strace in a test's hand: what a program calls, faults right before the k-th call of a kind."""

import pathlib
import re
import subprocess
import time

KILL, END, EIO, DARK = "SIGKILL", "SIGTERM", "EIO", "the whole server"
LAND_SECONDS = 20
DELAY_MICROSECONDS = 300_000
# Of all threads, no more than the names of calls and files.
EVERY_THREAD = ("-f", "-y", "-s", "0")


def inject(call, what, count):
    if what == EIO:
        return f"inject={call}:error=EIO:when={count}"
    if what == DARK:
        return f"inject={call}:delay_enter={DELAY_MICROSECONDS}:when={count}"
    return f"inject={call}:signal={what}:when={count}"


class Watch:
    """strace on a process that runs, or on one thread of it."""

    # So long `end` waits before it ends strace.
    patience = 0

    def __init__(self, pid, folder, *words):
        self.log = pathlib.Path(folder) / "trace"
        self.log.unlink(missing_ok=True)
        self.said = open(pathlib.Path(folder) / "strace", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["strace", "-ttt", *words, "-o", self.log, "-p", str(pid)],
            stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said)
        until = time.monotonic() + LAND_SECONDS
        while "attached" not in self._text():
            assert self.process.poll() is None and time.monotonic() < until, self._text()
            time.sleep(0.005)

    def _text(self):
        return pathlib.Path(self.said.name).read_text(encoding="utf-8")

    def lines(self):
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def end(self):
        """Lets go. strace ends with what it follows; it may not hear of its own end just then."""
        for ask, seconds in ((lambda: None, self.patience), (self.process.terminate, 3),
                             (self.process.kill, 30)):
            ask()
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        self.said.close()


class Trace(Watch):
    """Lets `what` happen right before the `count`-th `call`."""

    def __init__(self, pid, folder, call, what, count, words=EVERY_THREAD):
        self.what, self.patience = what, 1 if what == KILL else 0
        super().__init__(pid, folder, *words, "-e", f"trace={call}", "-e",
                         inject(call, what, count))

    def hit(self):
        """What the trace says of the call that was hit; nothing before."""
        lines = self.lines()
        if self.what == KILL:
            # A call that its process never came back from.
            is_dead = any("+++ killed by SIGKILL" in one for one in lines)
            hit = [one for one in lines
                   if re.search("= \\?$|<unfinished", one) and self._call(one)]
            return hit[-1] if is_dead and hit else None
        if self.what == END:
            places = [i for i, one in enumerate(lines) if f"--- {END}" in one]
            return lines[places[0] - 1] if places and places[0] else None
        mark = "INJECTED" if self.what == EIO else "(DELAYED)|fdatasync\\(.*[^)]$"
        hit = [one for one in lines if re.search(mark, one)]
        return hit[0] if hit else None

    def landed(self):
        """(call, file or socket, time) of the call that was hit; nothing before."""
        hit = self.hit()
        return hit and self._call(hit)

    @staticmethod
    def _call(line):
        """Without a number in front where only one thread is followed."""
        found = re.match(r"(?:\d+\s+)?(\d+\.\d+) (\w+)\(\d*<?([^>,)]*)", line)
        return found and (found[2], found[3], float(found[1]))


def wait_landed(trace, is_gone, seconds=LAND_SECONDS):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        landed = trace.landed()
        if landed or is_gone():
            return landed or trace.landed()
        time.sleep(0.005)
    return None
