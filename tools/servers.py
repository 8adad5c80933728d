"""What the scripts share that start servers of their own: free ports, and a command run beside the
server that ends with it."""

import os
import signal
import socket
import subprocess
import sys

SKIPPED, INTERRUPTED = 77, 130


class Unavailable(Exception):
    """The server is not installed here, or did not start; the text says what to do."""


def free_ports(count):
    """Loopback ports that nobody has: all different, because all are held until all are found."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def serve(server, variable):
    """Runs the command of the command line with `variable` set to the server's URL, or prints the
    URL and serves until it is interrupted. The exit code: the command's, `SKIPPED` without a
    server."""
    def end(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        with server() as running:
            if len(sys.argv) > 1:
                environment = {**os.environ, variable: running.url()}
                return subprocess.run(sys.argv[1:], env=environment).returncode
            print(running.url(), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Unavailable as missing:
        print(missing, file=sys.stderr)
        return SKIPPED
    return 0
