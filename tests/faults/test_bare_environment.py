"""What cron gives to a command, which is next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import wsq
from tests.faults.commands import DUE, assert_a_sentence, at, command, ledger, process, refused, rows

BARE = {"PATH": "/usr/bin:/bin"}


def completed(path):
    return rows(path, "SELECT count(*) FROM task_executions WHERE status = 'completed'") == [(2,)]


def test_a_pass_needs_no_environment_at_all(team):
    said = at(DUE, "--database", team, env={}, cwd="/", cold=True)

    assert (said.status, said.err) == (0, "")
    assert completed(team)
    assert process(env={**BARE, "WSQ_DATABASE": str(team)}, cwd="/", cold=True).status == 0


@pytest.mark.parametrize("language", [{"LC_ALL": "C"}, {"LC_ALL": "tlh_QO.UTF-8"}])
def test_a_terminal_without_a_language_keeps_every_text_whole(team, language):
    given = {"env": {**os.environ, **language}, "cold": True}

    assert command("add", "Grüße 你好", "--prompt", "Ü", "--every", "1 day", **given).status == 0

    assert rows(team, "SELECT name FROM recurring_tasks WHERE store_id = 'default'") == [("Grüße 你好",)]
    assert command("list", **given).status == 0


def test_an_argument_that_is_no_text_is_refused(team):
    before = ledger(team)

    refused(command("add", b"\xff", "--prompt", "P", "--every", "1 day", cold=True), "name is", "U+DCFF")
    refused(command("show", b"\xff", "--store", "acme"), "no recurring task")

    assert ledger(team) == before


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_neither_stop_the_work_nor_reach_the_file(team, closed):
    said = at(DUE, wrapper=("/bin/sh", "-c", f'exec "$@" {closed}', "sh"), cold=True)

    assert said.status == 0
    assert completed(team)
    with wsq.open(team) as ws:
        assert ws.verify() == []


def test_an_error_with_closed_streams_still_has_its_status(folder):
    (folder / "team.duckdb").write_bytes(b"mine" * 10_000)

    said = process(wrapper=("/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"), cold=True)

    assert said.status == 2
    assert (folder / "team.duckdb").read_bytes() == b"mine" * 10_000


def test_a_full_disk_behind_standard_output_does_not_stop_the_work(team):
    with Path("/dev/full").open("wb") as full:
        said = at(DUE, capture_output=False, stdout=full, stderr=full, cold=True)

    assert said.status == 0
    assert completed(team)


def test_a_user_without_a_home_is_told_to_say_where_the_workspace_is():
    nobody = (
        "import os, pwd, sys\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid, os.getuid = unknown, lambda: 54321\n"
        "from wsq.cli import main, process\n"
        "sys.exit(max(process.main([]), main.main(['list'])))\n"
    )

    done = subprocess.run([sys.executable, "-c", nobody], env=BARE, cwd="/", capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    for line in done.stderr.splitlines(keepends=True):
        assert_a_sentence(line, "WSQ_DATABASE is not set, expected a path")


def test_a_working_directory_that_has_been_removed_is_no_hindrance(team, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    wrapper = ("/bin/sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh")

    said = at(DUE, "--database", team, cwd=gone, wrapper=wrapper, cold=True)
    assert (said.status, said.err) == (0, "")

    gone.mkdir()
    refused(
        process("--database", "team.duckdb", cwd=gone, wrapper=wrapper, cold=True),
        "--database",
        "working directory is gone",
    )
