"""`wsq lab`: copy the notebooks to this folder and open JupyterLab."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

import wsq
from wsq.cli.output import count, print_error, say
from wsq.cli.parser import PROGRAM

_PACKAGE = Path(wsq.__file__).resolve().parent


def lab_command(given: Namespace) -> int:
    """Copy the notebooks, and open them unless `--no-open` is given."""
    source = notebooks()
    if source is None:
        print_error(PROGRAM, "This installation of wsq has no notebooks. Install it from a wheel or a checkout.")
        return 2
    copied, kept = copy(source, Path.cwd())
    say(f"{count(copied, 'notebook')} copied from {source}.")
    for name in kept:
        say(f"Kept yours: {name} differs from the version of wsq {wsq.__version__}.")
    if given.no_open:
        return 0
    if find_spec("jupyterlab") is None:
        print_error(PROGRAM, "JupyterLab is not installed. Install it with: pip install 'wsq[notebook]'")
        return 2
    return subprocess.run([sys.executable, "-m", "jupyterlab"], check=False).returncode


def notebooks() -> Path | None:
    """Return the folder of the notebooks, in the package or beside it in a checkout; None if there is none."""
    places = (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks")
    return next((place for place in places if any(place.glob("**/*.ipynb"))), None)


def copy(source: Path, target: Path) -> tuple[int, list[str]]:
    """Copy missing files; return the number of copied notebooks, and the files kept because they differ."""
    copied, kept = 0, []
    for file in sorted(file for file in source.rglob("*") if file.is_file()):
        name, content = file.relative_to(source), file.read_bytes()
        if any(part.startswith((".", "__")) for part in name.parts):
            continue
        mine = target / name
        if mine.exists():
            if mine.read_bytes() != content:
                kept.append(str(name))
            continue
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_bytes(content)
        copied += file.suffix == ".ipynb"
    return copied, kept
