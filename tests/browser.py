"""The browser that tests open pages with: the machine's own, or Playwright's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "microsoft-edge-stable",
)  # fmt: skip
_OWN = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"


@cache
def find() -> str | None:
    """The path of a browser of this machine, or of Playwright's; None where there is neither."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    asked = subprocess.run([sys.executable, "-c", _OWN], capture_output=True, text=True)
    own = asked.stdout.strip()
    return own if own and Path(own).exists() else None


def get() -> tuple[str | None, str]:
    """Find a browser, else install one; returns its path and a sentence that says which, or what is missing."""
    if path := find():
        return path, f"The browser tests use {path}."
    ways = [("Playwright's Chromium", [sys.executable, "-m", "playwright", "install", "chromium"])]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium"
        ways.insert(0, ("Debian's package chromium", ["sh", "-c", apt]))
    reasons = []
    for what, command in ways:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        find.cache_clear()
        if path := find():
            return path, f"Found no browser and installed {what}, {path}."
        reasons.append(f"{what}: {[*(done.stdout + done.stderr).strip().splitlines(), 'no executable'][-1].strip()}")
    return None, f"Found none of {', '.join(NAMES)} on the PATH and could install none ({'; '.join(reasons)})."
