"""Programs that pip does not bring: those on the PATH, or Debian's."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

PACKAGES = {"nginx": "nginx-light", "caddy": "caddy", "openssl": "openssl"}
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])  # Debian's nginx is not on a user's path


def program(name: str) -> str:
    """The path of a program; as root its Debian package is installed if it is missing. Fails if it is still missing."""
    reason = "only root can install it"
    if shutil.which(name, path=_PATH) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {PACKAGES[name]}"
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(["sh", "-c", install], capture_output=True, text=True, env=environment)
        reason = [*(done.stdout + done.stderr).strip().splitlines(), "nothing was said"][-1]
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.fail(f"There is no {name} on the PATH. Install it (Debian: {PACKAGES[name]}); {reason}.", pytrace=False)
    return found
