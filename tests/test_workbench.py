"""The house proves its own floor plan, and its rules of style are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "tool",
    [
        ["ruff", "check", "wsq", "tests", "dashboards"],
        ["ruff", "format", "--check", "wsq", "tests", "dashboards"],
        ["mypy"],
    ],
    ids=lambda tool: " ".join(tool[:2]),
)
def test_the_tools_of_the_workbench_find_nothing(tool: list[str]) -> None:
    found = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_room_imports_only_from_the_floors_below_it() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
