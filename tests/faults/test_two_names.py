"""A file that can be reached in two folders would have two logs and two locks: it is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import wsq
from tests.commands import run_cold
from tests.faults.commands import DUE, at, command, make, process, refused
from tests.store import crew

MS_BIND = 4096


def test_a_file_with_a_hard_link_is_refused_under_either_name(team, folder):
    twin = folder / "twin.duckdb"
    twin.hardlink_to(team)
    before = team.read_bytes()

    for path in (team, twin):
        for said in (command("list", "--database", path), process("--database", path)):
            refused(said, path.name, "2 names (hard links)", "Copy it")
    assert team.read_bytes() == before
    assert not Path(f"{twin}.wal").exists()

    shutil.copy(twin, folder / "copy.duckdb")
    twin.unlink()
    assert at(DUE).status == 0
    assert at(DUE, "--database", folder / "copy.duckdb").status == 0


def test_a_file_that_is_mounted_by_itself_is_refused_and_its_folder_is_not(tmp_path):
    crew.on_a_file_system_of_its_own(_mount_alone, tmp_path, "16m")


def _mount_alone(directory: Path) -> None:
    host, container = directory / "host folder", directory / "container"
    for folder in (host, container):
        folder.mkdir()
    make(host / "team.duckdb")
    (container / "team.duckdb").touch()
    _bind(host / "team.duckdb", container / "team.duckdb")
    (container / "link.duckdb").symlink_to(container / "team.duckdb")

    for name in ("team.duckdb", "link.duckdb"):
        with pytest.raises(wsq.WsqError, match=r"team\.duckdb is mounted by itself, .+\. Mount the folder\.$"):
            wsq.open(container / name)
    refused(run_cold("wsq-process", "--database", container / "team.duckdb"), "Mount the folder")
    assert not (container / "team.duckdb.wsq").exists()

    (container / "data").mkdir()
    _bind(host, container / "data")
    _bind(host, host)
    for folder in (container / "data", host):
        assert run_cold("wsq-process", "--database", folder / "team.duckdb").status == 0


def _bind(source: Path, target: Path) -> None:
    crew._mount(os.fsencode(source), target, None, MS_BIND, None)
