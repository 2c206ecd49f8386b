"""From an empty directory to a card on the board, with the commands that a new user types."""

import json
from datetime import datetime, timedelta

import wsq


def test_a_task_added_in_an_empty_directory_runs_a_minute_on_and_once(command, folder):
    added = command("wsq", "add", "Tick", "--prompt", "Create a task called 'Ping'", "--every", "1 minute")
    assert (added.status, added.err) == (0, "")
    (task,) = json.loads(command("wsq", "list", "--json").out)
    slot = datetime.fromisoformat(task["next_execution_at"])
    assert f"next run is {slot:%Y-%m-%d %H:%M:%S} UTC" in added.out
    minute_on = (slot + timedelta(seconds=1)).isoformat()

    passed = command("wsq-process", "--now", minute_on)

    assert (passed.status, passed.err) == (0, "")
    first, closing = passed.out.splitlines()
    assert "default  Tick  completed  done" in first
    assert first.endswith("1 task created")
    assert closing == "1 task was due in 1 store: 1 completed."
    with wsq.open(folder / "team.duckdb") as ws:
        board = ws.store("default")
        (execution,) = board.executions()
        assert (execution.status, execution.trigger, execution.scheduled_for) == ("completed", "automatic", slot)
        assert [card.title for card in board.tasks()] == ["Ping"]
        assert board.recurring_task(task["id"]).next_execution_at == slot + timedelta(minutes=1)
        events = len(board.events())

    again = command("wsq-process", "--now", minute_on)

    assert (again.status, again.out, again.err) == (0, "Nothing was due in 1 store.\n", "")
    with wsq.open(folder / "team.duckdb") as ws:
        assert len(ws.store("default").events()) == events


def test_what_init_writes_is_what_every_command_then_goes_by(command, folder, monkeypatch):
    monkeypatch.delenv("WSQ_DATABASE")
    monkeypatch.delenv("WSQ_TIMEZONE")

    begun = command("wsq", "init", "--timezone", "Europe/Berlin")

    assert begun.status == 0
    settings = folder / "wsq.toml"
    assert settings.stat().st_mode & 0o777 == 0o600
    added = command("wsq", "add", "Daily", "--prompt", "List the tasks", "--every", "1 day", "--starting", "09:00")
    assert "09:00:00 CE" in added.out  # CET or CEST
    assert (folder / "wsq.duckdb").exists()
    again = command("wsq", "init")
    assert (again.status, again.err) == (2, f"wsq: {settings} already exists and is not overwritten.\n")


def test_cron_needs_nothing_but_a_path(command, folder):
    bare = {"PATH": "/usr/bin:/bin"}
    database = str(folder / "cron.duckdb")
    assert (
        command("wsq", "add", "A", "--prompt", "List the tasks", "--every", "1 hour", "--database", database).status
        == 0
    )

    passed = command("wsq-process", "--database", database, env=bare)

    assert (passed.status, passed.out, passed.err) == (0, "Nothing was due in 1 store.\n", "")
