"""A shop of one's own: the real program on free ports and a file in a folder of its own."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Shop:
    """One run of the program, on a file in its folder unless `store` names another one. `tracer` is
    put in front of it (strace with its arguments)."""

    def __init__(self, program, folder, tracer=(), flags=("--no-demo",), environment=None,
                 store=None, verb="dev"):
        self.port, self.admin_port = free_port(), free_port()
        self.folder = pathlib.Path(folder)
        self.log = open(self.folder / "shop.log", "ab")
        self.process = subprocess.Popen(
            [*tracer, program, verb, "--port", str(self.port), "--admin-port",
             str(self.admin_port), "--store", store or f"sqlite:{self.folder / 'shop.db'}", *flags],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **(environment or {})})

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def admin(self, path):
        return f"http://127.0.0.1:{self.admin_port}{path}"

    def wait_ready(self, seconds=60):
        """True once readiness is green; False if the program ended before."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                return False
            try:
                with urllib.request.urlopen(self.admin("/readyz"), timeout=5):
                    return True
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(f"the shop was not ready within {seconds} s: {self.tail()}")

    def tail(self):
        self.log.flush()
        return (self.folder / "shop.log").read_text(errors="replace")[-2000:]

    def kill(self):
        """SIGKILL to the program, and to its tracer with it: both are a session of their own."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(30)
        self.log.close()

    def stop(self, seconds=30):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.log.close()
        return code


def call(url, method="GET", body=None, headers=None, timeout=10):
    """(status, headers, parsed body or text). Raises OSError when no answer came."""
    content = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=content, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            status, fields, text = reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as refused:
        status, fields, text = refused.code, refused.headers, refused.read()
    try:
        return status, fields, json.loads(text) if text else None
    except ValueError:
        return status, fields, text.decode(errors="replace")


def wait_for(claim, question, seconds=30):
    """The first answer that counts as true. The deadline only ends a test that has failed, and
    says what was claimed, or what the claim, if it is a function, sees then."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = question()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {claim() if callable(claim) else claim}")


def post(url, key, body, timeout=10):
    return call(url, "POST", body, {"Idempotency-Key": key, "Content-Type": "application/json"},
                timeout)
