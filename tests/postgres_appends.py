"""The program of tests/postgres/appends.cpp in a test's hand, and what its appends came to."""

import subprocess
import threading
import time

SCHEMA = "tidemark"
# What the log holds of each number: events, their versions and positions, when they were stored.
STORED = ("SELECT (convert_from(payload, 'UTF8')::json->>'number')::bigint AS number, count(*), "
          "max((convert_from(payload, 'UTF8')::json->>'of')::bigint), max(version), "
          "max(version) - min(version) + 1, max(position), max(recorded_at), "
          f"count(DISTINCT stream) FROM {SCHEMA}.events GROUP BY number")


class Appends:
    """One run of the program. `told` keeps the last answer for each number: "stored 3 17",
    "unknown …", "failed …"; None for one that was sent and has heard nothing yet."""

    def __init__(self, program, url, *flags):
        self.process = subprocess.Popen([program, url, *flags], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.changed = threading.Condition()
        self.sent_at, self.told_at = {}, {}
        self.told, self.is_open, self.refusal, self.ended = {}, False, None, None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if not line.endswith("\n"):
                # Killed while it said so: not heard.
                break
            word, _, rest = line.rstrip("\n").partition(" ")
            with self.changed:
                if word == "open":
                    self.is_open = True
                elif word == "refused":
                    self.refusal = rest
                elif word == "sent":
                    number, at = map(int, rest.split())
                    self.told[number], self.sent_at[number] = None, at / 1e6
                elif word == "end":
                    self.ended = tuple(map(int, rest.split()))
                else:
                    number, at, answer = rest.split(" ", 2)
                    self.told[int(number)] = f"{word} {answer}"
                    self.told_at[int(number)] = int(at) / 1e6
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def wait(self, condition, what, seconds=60):
        """Until the condition holds; whether the program still ran then."""
        until = time.monotonic() + seconds
        with self.changed:
            while not condition():
                if not self.reader.is_alive() and self.process.poll() is not None:
                    return False
                left = until - time.monotonic()
                assert left > 0, f"{what}: not within {seconds} s; told {list(self.told)[-5:]}"
                self.changed.wait(min(left, 0.05))
        return True

    def wait_open(self):
        assert self.wait(lambda: self.is_open, "the store was not opened"), self.refusal
        return self

    def send(self, numbers):
        """False once the program is gone."""
        try:
            self.process.stdin.write("".join(f"{number}\n" for number in numbers))
            self.process.stdin.flush()
        except OSError:
            return False
        return True

    def wait_told(self, numbers, seconds=60):
        """Until each of them was told something; whether the program still ran then."""
        return self.wait(lambda: all(self.told.get(n) for n in numbers), "no answer", seconds)

    def append(self, numbers, seconds=60):
        """Sends them and gives back what each was told."""
        assert self.send(numbers) and self.wait_told(numbers, seconds), "the program is gone"
        return {number: self.told[number] for number in numbers}

    def under_way(self, at):
        """Which appends had been sent by then and had heard nothing yet."""
        with self.changed:
            return [number for number, sent in self.sent_at.items()
                    if sent < at < self.told_at.get(number, float("inf"))]

    def append_again(self, number, seconds=60):
        """Sends one again that was told something already; what it is told now."""
        with self.changed:
            del self.told[number]
        return self.append([number], seconds)[number]

    def end(self, seconds=60):
        """Ends the input; (commits, repeats) of the program."""
        self.process.stdin.close()
        self.process.wait(seconds)
        self.reader.join(seconds)
        return self.ended

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.reader.join(60)
        try:
            self.process.stdin.close()
        except OSError:
            # What it had not read yet.
            pass


class Ledger:
    """What was acknowledged over several runs, and what has to be there for it."""

    def __init__(self):
        self.acknowledged, self.open, self.next = {}, set(), 1

    def draw(self, count):
        """Fresh numbers."""
        drawn = list(range(self.next, self.next + count))
        self.next += count
        return drawn

    def note(self, run):
        """Takes over what a run has told. A number that was told twice was told the same."""
        with run.changed:
            told = dict(run.told)
        for number, answer in told.items():
            if answer is None or not answer.startswith("stored "):
                if number not in self.acknowledged:
                    self.open.add(number)
                continue
            place = tuple(map(int, answer.split()[1:]))
            before = self.acknowledged.setdefault(number, place)
            assert before == place, f"{number} was told {before}, then {place}"
            self.open.discard(number)

    def check(self, cluster, database):
        """Everything acknowledged is there once and whole, and nothing is there in part; rows of
        `STORED` by number."""
        found = read_stored(cluster, database)
        for number, (events, wanted, last, span, position, _, streams) in found.items():
            assert (events, span, streams) == (wanted, wanted, 1), \
                f"{number}: {events} of {wanted} events, on {streams} streams, over {span} versions"
            told = self.acknowledged.get(number, (last, position))
            assert told == (last, position), f"{number}: told {told}, stored {(last, position)}"
        lost = self.acknowledged.keys() - found.keys()
        assert not lost, f"{len(lost)} acknowledged appends are lost, such as {min(lost)}"
        self._check_rest(cluster, database)
        return found

    def _check_rest(self, cluster, database):
        gaps = cluster.sql(
            "SELECT count(*) FROM (SELECT version - row_number() OVER (PARTITION BY stream ORDER "
            f"BY position) AS skew FROM {SCHEMA}.events) e WHERE skew <> 0", database)
        assert gaps == "0", f"{gaps} events are not where their version says"
        with_answer = sum(1 for number in self.acknowledged if number % 2 == 0)
        with_effect = sum(1 for number in self.acknowledged if number % 4 == 3)
        for table, wanted in (("answers", with_answer), ("effects", with_effect)):
            counted = int(cluster.sql(f"SELECT count(*) FROM {SCHEMA}.{table}", database))
            assert wanted <= counted <= wanted + len(self.open), \
                f"{counted} {table}, {wanted} acknowledged"


def read_stored(cluster, database):
    rows = cluster.sql(STORED, database)
    found = {}
    for row in rows.splitlines():
        number, *rest = map(int, row.split("|"))
        found[number] = tuple(rest)
    return found


def settle(program, cluster, database, ledger):
    """Sends everything that is open again until it is decided."""
    if not ledger.open:
        return
    run = Appends(program, cluster.url(database)).wait_open()
    told = run.append(sorted(ledger.open))
    run.end()
    ledger.note(run)
    assert not ledger.open, f"not decided: {[told[n] for n in sorted(ledger.open)]}"
