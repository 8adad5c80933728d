"""PgBouncer in transaction mode before a test's cluster."""

import shutil
import signal
import socket
import subprocess
import time

from servers import Unavailable, free_ports

START_SECONDS = 30
CONFIG = """[databases]
{database} = host=127.0.0.1 port={server} dbname={database} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
server_login_retry = 0.1
logfile =
"""


class Pooler:
    def __init__(self, cluster, database, user, password):
        self.program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if not self.program:
            raise Unavailable("PgBouncer is not installed: apt-get install pgbouncer")
        self.cluster, self.database, self.user = cluster, database, user
        [self.port] = free_ports(1)
        self.config = cluster.folder / "pgbouncer.ini"
        self.config.write_text(CONFIG.format(
            database=database, server=cluster.port, user=user, password=password, port=self.port))
        self.config.chmod(0o644)

    def __enter__(self):
        log = open(self.cluster.folder / "pgbouncer.log", "ab")
        self.process = subprocess.Popen([self.program, "-q", self.config], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, **self.cluster.as_user())
        log.close()
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    log = (self.cluster.folder / "pgbouncer.log").read_text()
                    raise Unavailable(f"PgBouncer did not start: {log}") from None
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def url(self):
        return f"postgres://{self.user}@127.0.0.1:{self.port}/{self.database}"
