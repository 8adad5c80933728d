"""Tools that tests need and Debian does not simply install: kept in $TIDEMARK_CACHE."""

import contextlib
import os
import pathlib
import shutil

import postgres_cluster
from tiers import processes
from tiers.counts import Broken

ATTEMPTS = 3


def browser_driver_folder():
    """Where the console's test keeps the browser driver that it installs: with the caches."""
    return {"TIDEMARK_CONSOLE_TOOLS": str(pathlib.Path(os.environ["TIDEMARK_CACHE"]) / "node")}


def promtool_folder(session):
    """What PATH needs before it to find promtool. It comes out of Debian's package,
    unpacked only: installing it would start a server.

    Where everything has to run its absence is a failure; elsewhere its tests say that they skip.
    """
    if shutil.which("promtool"):
        return ""
    folder = pathlib.Path(os.environ["TIDEMARK_CACHE"]) / "prometheus"
    tool = folder / "usr/bin/promtool"
    if not tool.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            code = processes.run(
                ["sh", "-c", "rm -f ./*.deb && apt-get download -q prometheus && "
                 "dpkg-deb -x ./*.deb . && rm -f ./*.deb"], cwd=folder, log=session.log,
                limit_seconds=300)
            if code == 0 and tool.exists():
                break
        else:
            if not session.strict:
                return ""
            raise Broken("the package prometheus (promtool) could not be fetched:\n"
                         f"{session.log_tail(10)}")
    return f"{tool.parent}:"


@contextlib.contextmanager
def postgres(session):
    """The environment of tests on PostgreSQL: a cluster of the run's own, gone at its end.

    Where everything has to run its absence is a failure; elsewhere its tests say that they skip.
    """
    try:
        cluster = postgres_cluster.Cluster().start()
    except postgres_cluster.Unavailable as missing:
        if session.strict:
            raise Broken(f"no PostgreSQL to test on: {missing}") from None
        session.say(f"SKIPPED on PostgreSQL: {missing}")
        yield {}
        return
    try:
        yield {postgres_cluster.VARIABLE: cluster.url()}
    finally:
        cluster.remove()
