"""Tools that tests need and Debian does not simply install: kept in $TIDEMARK_CACHE."""

import os
import pathlib
import shutil

from tiers import processes
from tiers.counts import Broken

PLAYWRIGHT = "playwright-core@1.65.1"
ATTEMPTS = 3


def playwright(session):
    """Installs the browser driver where caches are kept; the folder that holds node_modules."""
    folder = pathlib.Path(os.environ["TIDEMARK_CACHE"]) / "node"
    module = folder / "node_modules/playwright-core/index.mjs"
    if not module.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            code = processes.run(
                ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--no-save",
                 PLAYWRIGHT], cwd=folder, log=session.log, limit_seconds=300)
            if code == 0 and module.exists():
                break
        else:
            raise Broken(f"npm could not install {PLAYWRIGHT}:\n{session.log_tail(10)}")
    return {"TIDEMARK_PLAYWRIGHT": str(module), "TIDEMARK_CHROMIUM": shutil.which("chromium") or ""}


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
