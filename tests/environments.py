"""The quick ring elsewhere: on the newest Python of this machine, and with the lowest versions of what wsq needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUICK = ("-m", "pytest", "--ring", "quick", "-p", "no:cacheprovider")
OURS = ("-e", f"{ROOT}[test]")
_ASK = "import ensurepip, sys, venv; print(*sys.version_info[:3])"

Outcome = tuple[str, int, str]
"""What was run, its exit status, and what it printed."""


def outcomes() -> Iterator[Outcome]:
    """Run the quick ring in both; a Python that is missing is an outcome too."""
    found = newest()
    if found is None:
        least = f"{sys.version_info[0]}.{sys.version_info[1] + 1}"
        yield "the quick ring on a newer Python", 1, f"Found no Python {least} or newer on the PATH or of pyenv.\n"
    else:
        python, version = found
        yield _ran(f"the quick ring on Python {version}", python, _latest)
    yield _ran("the quick ring with the lowest versions", Path(sys.executable), _lowest)


def newest() -> tuple[Path, str] | None:
    """The newest Python that is newer than this one, and its version; on the PATH, or one of pyenv's."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places = [place for folder in (*folders, *pyenv.glob("*/bin")) for place in folder.glob("python3.*")]
    found = []
    for place in places:
        if not re.fullmatch(r"python3\.\d+", place.name):
            continue
        said = subprocess.run([place, "-c", _ASK], capture_output=True, text=True)
        if said.returncode == 0:
            found.append((tuple(map(int, said.stdout.split())), place))
    version, place = max(found, default=((0,), Path()))
    return (place, ".".join(map(str, version))) if version[:2] > sys.version_info[:2] else None


def _latest(python: Path) -> list[Sequence[str | Path]]:
    return [(python, "-m", "pip", "install", "-q", *OURS)]


def _lowest(python: Path) -> list[Sequence[str | Path]]:
    lowest = ("--python", python, "--resolution", "lowest-direct", "-q")
    return [(python, "-m", "pip", "install", "-q", "uv"), (python, "-m", "uv", "pip", "install", *lowest, *OURS)]


def _ran(name: str, python: Path, install: Callable[[Path], list[Sequence[str | Path]]]) -> Outcome:
    print(f"Running {name}.", flush=True)
    with tempfile.TemporaryDirectory(prefix="wsq-environment-") as folder:
        own = Path(folder) / "bin" / "python"
        printed = ""
        for command in ((python, "-m", "venv", folder), *install(own), (own, *QUICK)):
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            printed += done.stdout
            if done.returncode != 0:
                break
        print(*printed.splitlines()[-1:], flush=True)
        return name, done.returncode, printed
