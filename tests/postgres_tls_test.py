#!/usr/bin/env python3
"""The service and a PostgreSQL server with a certificate of its own: over a network it serves when
the server proves who it is, and refuses everything less with what to do.

The network is the loopback interface by its IPv4-mapped address, which counts as one.

    tests/postgres_tls_test.py PATH-OF-THE-SHOP"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from postgres_cluster import Cluster, Unavailable  # noqa: E402
from shop_process import Shop, call  # noqa: E402

NAME, NETWORK = "db.tidemark.test", "::ffff:127.0.0.1"


def has_network():
    with socket.socket() as server, socket.socket(socket.AF_INET6) as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        try:
            client.connect((NETWORK, server.getsockname()[1]))
        except OSError:
            return False
    return True


def certify(folder, stem, name):
    """A key and a certificate for that name, signed by itself."""
    key, certificate = folder / f"{stem}.key", folder / f"{stem}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    key.chmod(0o600)
    return key, certificate


def secure(cluster):
    """Lets the server that is to start speak TLS; its certificate."""
    key, certificate = certify(cluster.folder, "server", NAME)
    if cluster.user:
        os.chown(key, cluster.user.pw_uid, cluster.user.pw_gid)
    certificate.chmod(0o644)
    cluster.settings |= {"ssl": "on", "ssl_key_file": key, "ssl_cert_file": certificate}
    return certificate


class Refusals:
    """Starts that must fail, and what they must say."""

    def __init__(self, program, cluster):
        self.program, self.cluster, self.count = program, cluster, 0

    def url(self, host, **settings):
        asked = "&".join(f"{name}={value}" for name, value in settings.items())
        return (f"postgres://tidemark:{self.cluster.password}@{host}:{self.cluster.port}/postgres"
                f"?hostaddr={NETWORK}&{asked}")

    def expect(self, url, *parts, flags=(), environment=None):
        ended = subprocess.run(
            [self.program, "run", "--port", "0", "--admin-port", "0", "--store", url, *flags],
            capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, **(environment or {})})
        said = ended.stdout + ended.stderr
        assert ended.returncode != 0, f"it served {url}: {said}"
        for part in parts:
            assert part in said, f"\"{part}\" is not said of {url}: {said}"
        assert self.cluster.password not in said, "the password is told"
        self.count += 1


def check_refusals(of, root, other):
    remedy = "sslmode=verify-full"
    of.expect(of.url(NAME, sslmode="disable"), NETWORK, "not encrypted", "'disable'",
              "from the URL", remedy)
    of.expect(of.url(NAME, sslmode="disable"), "not encrypted", remedy,
              flags=("--set", "postgres.encryption=required"))
    of.expect(of.url(NAME, sslmode="require"), NETWORK, "'require'", "from the URL", remedy)
    of.expect(of.url(NAME, sslmode="verify-ca", sslrootcert=root), "'verify-ca'", remedy)
    of.expect(of.url(NAME), "libpq's default", remedy)
    of.expect(of.url(NAME), "'require'", "from PGSSLMODE", remedy,
              environment={"PGSSLMODE": "require"})
    wrong_name = of.url("other.tidemark.test", sslmode="verify-full", sslrootcert=root)
    of.expect(wrong_name, NAME, "other.tidemark.test", "the URL name the host")
    of.expect(of.url(NAME, sslmode="verify-full", sslrootcert=other), "certificate verify failed",
              "sslrootcert")
    of.expect(of.url(NAME, sslmode="verify-full", sslrootcert="/no/such/file"), "/no/such/file",
              "sslrootcert")


def serve(program, folder, url, flags=()):
    """It starts, is ready, and ends when told to."""
    shop = Shop(program, folder, store=url, flags=flags, verb="run")
    try:
        assert shop.wait_ready(), f"the shop did not start: {shop.tail()}"
        status, _, _ = call(shop.url("/api/v1/orders"))
        assert status == 200, f"orders: {status}"
        assert shop.stop() == 0, "the shop did not end well"
    except BaseException:
        shop.kill()
        raise


def main():
    program = sys.argv[1]
    try:
        if not has_network() or not shutil.which("openssl"):
            raise Unavailable(f"this needs openssl and the address {NETWORK}")
        cluster = Cluster()
        root = secure(cluster)
        with cluster, tempfile.TemporaryDirectory() as folder:
            _, other = certify(pathlib.Path(folder), "other", NAME)
            of = Refusals(program, cluster)
            check_refusals(of, root, other)
            serve(program, folder, of.url(NAME, sslmode="verify-full", sslrootcert=root))
            required = ("--set", "postgres.encryption=required")
            serve(program, folder, of.url(NAME, sslmode="require"), required)
            serve(program, folder, cluster.url())
    except Unavailable as missing:
        print(missing)
        assert not os.environ.get("TIDEMARK_STRICT"), "nothing may be skipped"
        return 77
    print(f"tls: {of.count} starts refused by name, 3 served")
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
