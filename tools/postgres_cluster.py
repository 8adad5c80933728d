#!/usr/bin/env python3
"""A PostgreSQL cluster of one's own: made from the packaged programs in a folder of its own, on a
free loopback port, with fsync on; gone when its user is done.

    tools/postgres_cluster.py COMMAND...    runs the command with TIDEMARK_TEST_POSTGRES set to it
    tools/postgres_cluster.py               prints the URL and serves until Ctrl-C

The server refuses to run as root, so root starts it as the user `postgres`."""

import glob
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from servers import Unavailable, free_ports, serve

VARIABLE = "TIDEMARK_TEST_POSTGRES"
ROLE = "tidemark"
START_SECONDS, STOP_SECONDS, PORT_ATTEMPTS = 60, 60, 3
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "max_connections": "200",
            "max_prepared_transactions": "20", "shared_buffers": "128MB",
            "listen_addresses": "127.0.0.1",
            # Statements are counted in databases that ask for it.
            "shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none"}


def programs():
    """The folder of the newest packaged server, 15 or newer."""
    found = {int(path.split("/")[4]): path for path in glob.glob("/usr/lib/postgresql/*/bin")
             if path.split("/")[4].isdigit() and os.path.exists(f"{path}/initdb")}
    if not found or max(found) < 15:
        raise Unavailable("PostgreSQL 15 or newer is not installed: apt-get install postgresql-15")
    return pathlib.Path(found[max(found)])


def server_user():
    """Who the server runs as: nobody else than us, unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise Unavailable("root needs the user `postgres`: apt-get install postgresql-15") from None


class Cluster:
    """One server. `start` after `kill` recovers what was there; `remove` ends it for good. With
    `standby_of` it is a copy that follows that server, and calls itself `standby`. `wal`: a folder
    for its write-ahead log, elsewhere."""

    def __init__(self, settings=None, environment=None, standby_of=None, wal=None):
        self.bin, self.user = programs(), server_user()
        self.settings = {**SETTINGS, **(settings or {})}
        self.environment = environment or {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-postgres-", dir="/tmp"))
        self.password, self.port, self.process = secrets.token_hex(12), None, None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        if standby_of:
            self._copy(standby_of)
        else:
            self._make(wal)

    def _make(self, wal):
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self._run("initdb", "-D", self.folder / "cluster", "-U", ROLE, "-A", "scram-sha-256",
                  "--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-instructions",
                  *(("-X", wal) if wal else ()))
        secret.unlink()

    def _copy(self, primary):
        self.password = primary.password
        self.settings["cluster_name"] = "standby"
        self._run("pg_basebackup", "-D", self.folder / "cluster", "-d", primary.url(), "-R",
                  "-X", "stream", "--checkpoint=fast")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def url(self, database="postgres"):
        return f"postgres://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self):
        """Starts the server, on the port it had if it had one, and waits until it answers."""
        is_again = self.port is not None
        for attempt in range(PORT_ATTEMPTS):
            if not is_again:
                [self.port] = free_ports(1)
            options = [word for name, value in self.settings.items()
                       for word in ("-c", f"{name}={value}")]
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen(
                    [self.bin / "postgres", "-D", self.folder / "cluster", "-p", str(self.port),
                     "-c", f"unix_socket_directories={self.folder}", *options],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.as_user())
            if self._wait_ready():
                return self
        raise Unavailable(f"PostgreSQL did not start: {self.log_tail()}")

    def stop(self, number=signal.SIGINT):
        """Fast shutdown: sessions are ended, what was committed is on disk."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        """SIGKILL to the server and every one of its sessions: the machine went dark."""
        self.process.send_signal(signal.SIGSTOP)  # or it may begin one more, which would stay
        for pid in self._sessions() + [self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(STOP_SECONDS)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def session(self, script, database="postgres"):
        """A session of psql that carries out the script and stays open; `end_session` ends it."""
        process = subprocess.Popen([self.bin / "psql", "-XAtq", self.url(database)], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        process.stdin.write(script + "\n\\echo done\n")
        process.stdin.flush()
        for line in process.stdout:
            if line == "done\n":
                return process
        raise RuntimeError(f"psql ended: {script}")

    @staticmethod
    def end_session(process):
        process.stdin.close()
        process.stdout.close()
        process.wait(STOP_SECONDS)

    def sql(self, statement, database="postgres", seconds=60):
        """What psql prints for one statement, without decoration."""
        done = subprocess.run([self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement,
                               self.url(database)], capture_output=True, text=True, timeout=seconds)
        if done.returncode != 0:
            raise RuntimeError(f"{statement}: {done.stderr.strip()}")
        return done.stdout.strip()

    def log_tail(self, size=2000):
        log = self.folder / "log"
        return log.read_text(errors="replace")[-size:] if log.exists() else ""

    def as_user(self):
        account = {"cwd": self.folder, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C",
                                               **self.environment}}
        if self.user:
            account |= {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        return account

    def _run(self, program, *arguments):
        done = subprocess.run([self.bin / program, *arguments], capture_output=True, text=True,
                              timeout=120, **self.as_user())
        if done.returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Unavailable(f"{program} failed: {done.stderr.strip()}")

    def _wait_ready(self):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                return False
            ready = subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                                    str(self.port)], timeout=30)
            if ready.returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def _sessions(self):
        """Process ids of the server's children."""
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []


if __name__ == "__main__":
    sys.exit(serve(Cluster, VARIABLE))
