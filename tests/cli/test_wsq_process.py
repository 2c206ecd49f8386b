"""`wsq-process`: what it accepts, what it says, and the status it exits with."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import termios
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import wsq
from tests.commands import SCRIPTS
from wsq import settings
from wsq.agent.providers import ProviderError, ScriptedProvider, finish, say
from wsq.api import Workspace
from wsq.cli import process
from wsq.cli.demo import MovedClock
from wsq.cli.process import FLAGS, Options, Passes
from wsq.errors import SettingError, WorkspaceBusy

PING = "Create a task called 'Ping'"


def add(store="default", name="Tick", prompt=PING, every="1 minute"):
    """A recurring task in the folder's workspace, and the instant at which it is due."""
    with wsq.open() as ws:
        return ws.store(store).create_recurring_task(name, prompt, every=every).next_execution_at


def one_sentence(said):
    """Whether it refused as it should: nothing on standard output, one line on standard error."""
    return said.status == 2 and said.out == "" and len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--now", "2026-03-02T12:00"], "--now is '2026-03-02T12:00', expected an instant with its offset"),
        (["--now", "yesterday"], "--now is 'yesterday'"),
        (["--now", "9999-12-31T23:59:59Z"], "--now is '9999-12-31T23:59:59Z'"),
        (["--now", "2026-03-02T12:00:00Z", "--watch", "5"], "--now"),
        (["--watch", "0"], "--watch is '0', expected seconds"),
        (["--watch", "nan"], "--watch is 'nan'"),
        (["--watch"], "--watch needs a value: --watch SECONDS"),
        (["--watch", "--json"], "--watch needs a value"),
        (["--meanwhile", "0"], "--meanwhile is '0', expected seconds"),
        (["--meanwhile", "5", "--watch", "5"], "--meanwhile is for a single pass"),
        (["--json=yes"], "--json takes no value"),
        (["--jsn"], "Unknown flag '--jsn'; the nearest is --json"),
        (["today"], "Unexpected argument 'today'; expected a flag such as --watch."),
        (["--max-concurrency", "none"], "--max-concurrency is 'none', expected a whole number from 1 to 1000"),
        (["--stores", "a b"], "stores is 'a b', expected store ids"),
        (["--database", "mysql://host/db"], "database is 'mysql://host/db'"),
    ],
)
def test_what_it_does_not_understand_it_refuses_in_one_sentence(process_, folder, arguments, named):
    said = process_(*arguments)

    assert one_sentence(said)
    assert named in said.err
    assert list(folder.iterdir()) == []  # and nothing was made


def test_help_tells_what_every_flag_does(process_):
    said = process_("--help")

    assert said.status == 0
    for flag in FLAGS:
        assert f"  {flag.shown}" in said.out
        assert " ".join(flag.help.split()) in " ".join(said.out.split())


def test_an_idle_pass_says_so_in_one_line_and_as_json_in_one_object(process_, folder):
    add()

    plain, as_json, quiet = process_(), process_("--json"), process_("--quiet")

    assert (plain.status, plain.out, plain.err) == (0, "Nothing was due in 1 store.\n", "")
    assert set(json.loads(as_json.out)) >= {
        "started_at", "finished_at", "stores", "due", "completed", "failed", "skipped", "resumed", "executions",
        "would_run",
    }  # fmt: skip
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")


def test_json_is_one_object_on_one_line_with_durations_as_seconds_and_lists_as_lists(process_, folder):
    due = add()

    said = process_("--json", "--now", due.isoformat())

    assert (said.status, said.err) == (0, "")
    (line,) = said.out.splitlines()
    report = json.loads(line)
    (execution,) = report["executions"]
    assert (report["due"], report["completed"], report["failed"]) == (1, 1, 0)
    assert isinstance(execution["duration"], float)
    assert execution["cost_usd"] is None
    assert len(execution["created_task_ids"]) == 1
    assert datetime.fromisoformat(execution["scheduled_for"]) == due


def test_a_dry_run_says_what_would_run_and_writes_nothing(process_, folder):
    later = (add() + timedelta(minutes=2)).isoformat()
    with wsq.open() as ws:
        before = ws.store("default").events()

    plain, as_json = process_("--dry-run", "--now", later), process_("--dry-run", "--now", later, "--json")

    assert plain.status == 0
    assert "default  Tick  would run (3 scheduled runs)" in plain.out
    (would,) = json.loads(as_json.out)["would_run"]
    assert (would["name"], would["slots"]) == ("Tick", 3)
    with wsq.open() as ws:
        assert ws.store("default").events() == before


def test_a_task_with_a_hostile_name_cannot_steer_the_terminal(process_, folder):
    due = add(name="\x1b[2Jgone\u202e")

    said = process_("--now", due.isoformat())

    assert r"\x1b[2Jgone\u202e  completed" in said.out


def test_only_the_stores_that_are_named_are_served_and_an_unknown_one_is_refused(process_, folder):
    due = max(add("acme"), add("umbrella")).isoformat()

    some = process_("--now", due, "--stores", "acme", "--json")
    unknown = process_("--now", due, "--stores", "acme,umbrela")

    assert [row["store_id"] for row in json.loads(some.out)["executions"]] == ["acme"]
    assert one_sentence(unknown)
    assert "no store 'umbrela'; the nearest is 'umbrella'" in unknown.err


def test_a_failed_execution_makes_the_exit_status_one(folder, capfd):
    due = add()
    broken = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])

    status = process.run(settings.load(), Options(now=due), broken)

    assert status == 1
    assert "default  Tick  failed  provider" in capfd.readouterr().out


def test_without_the_credentials_of_a_model_that_was_used_nothing_is_settled(process_, folder):
    due = add()
    model = ScriptedProvider([finish()], name="claude")
    model.kind = "anthropic"
    assert process.run(settings.load(), Options(now=due), model) == 0

    said = process_("--json", "--now", (due + timedelta(minutes=1)).isoformat())

    assert one_sentence(said)
    assert "ANTHROPIC_API_KEY" in said.err
    with wsq.open() as ws:
        assert len(ws.store("default").executions()) == 1


def test_a_store_that_cannot_be_served_does_not_hide_the_others_and_makes_the_status_two(process_, folder):
    due = max(add("acme"), add("strange"))
    with wsq.open() as ws, ws._log.engine.write() as cursor:  # only a newer wsq could write such an event
        cursor.query("UPDATE events SET version = 99 WHERE store_id = 'strange' AND name LIKE 'recurring_task.%'")

    said = process_("--now", due.isoformat())

    assert said.status == 2
    assert "acme  Tick  completed" in said.out
    assert "Store 'strange' cannot be served" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"not a database at all\n" * 1_000, b"\0" * 10_000])
def test_a_file_that_is_no_workspace_is_refused_in_one_sentence(process_, folder, content):
    (folder / "team.duckdb").write_bytes(content)

    said = process_("--json")

    assert one_sentence(said)
    assert "Traceback" not in said.err
    assert (folder / "team.duckdb").read_bytes() == content


def test_a_place_that_cannot_be_written_is_refused_in_one_sentence(process_, folder):
    assert one_sentence(process_("--database", "/proc/nobody/team.duckdb"))


def test_nobody_reading_its_output_does_not_stop_the_work(started, folder):
    due = add()
    passing = started(SCRIPTS / "wsq-process", "--now", due.isoformat())
    passing.stdout.close()

    status = passing.wait(30)

    assert (status, passing.stderr.read()) == (0, "")
    passing.stdout = None
    with wsq.open() as ws:
        assert [row.status for row in ws.store("default").executions()] == ["completed"]


def test_a_watch_survives_what_passes_and_ends_on_what_lasts(folder, caplog):
    class Troubled(Workspace):
        """Held by somebody else at first, then without its settings."""

        troubles = iter([WorkspaceBusy("Process 7 holds it."), SettingError("The zone is unknown.")])

        def begin_pass(self, **given):
            raise next(self.troubles)

    ws = Troubled(settings.load())

    with pytest.raises(SettingError):
        Passes(ws, Options(watch=0.01)).watch()

    ws.close()


def test_a_lone_pass_carries_out_what_comes_due_while_its_own_executions_run(folder, capfd):
    clock, ended = MovedClock(), threading.Event()
    clock.move_to(datetime(2026, 3, 2, 12, tzinfo=UTC))

    async def first_waits_for_the_second(request):
        if len(provider.requests) > 1:
            ended.set()
            return finish()
        clock.move_to(clock.now() + timedelta(seconds=31))
        assert await asyncio.to_thread(ended.wait, 20)
        return finish()

    provider = ScriptedProvider([first_waits_for_the_second])
    with Workspace(settings.load(), clock=clock, provider=provider) as ws:
        board = ws.store("default")
        slot = board.create_recurring_task("First", "p", every="1 minute").next_execution_at
        board.create_recurring_task("Second", "p", every="1 day", starting=slot + timedelta(seconds=30))
        clock.move_to(slot)

        status = Passes(ws, Options(meanwhile=0.05)).once()

        assert (status, sorted(row.status for row in board.executions())) == (0, ["completed", "completed"])
    assert [line.split("  ")[2] for line in capfd.readouterr().out.splitlines() if "completed  done" in line] == [
        "Second",
        "First",
    ]


def test_an_idle_pass_loads_nothing_that_it_does_not_need(folder):
    add(every="1 day")
    look = (
        "import sys\n"
        "from wsq.cli.process import main\n"
        "assert main(['--json']) == 0\n"
        "print(*sys.modules)\n"
        "memory = [line for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
        "print(memory[0].split()[1])\n"
    )

    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=folder)

    report, modules, kilobytes = said.stdout.splitlines()
    assert json.loads(report)["due"] == 0
    unneeded = {
        "argparse", "asyncio", "panel", "bokeh", "pandas", "numpy", "pyarrow", "pydantic", "anthropic", "tenacity",
        "tqdm", "logging.config", "logging.handlers", "wsq.runner.executor", "wsq.agent", "wsq.views", "wsq.statistics",
        "wsq.cli.parser", "wsq.cli.logs", "wsq.runner.notifications", "wsq.runner.webhook", "difflib",
        "email_validator",
    }  # fmt: skip
    assert unneeded.intersection(modules.split()) == set()
    assert int(kilobytes) <= 90 * 1024


def test_both_console_scripts_are_installed_and_tell_their_version(command):
    for name in ("wsq", "wsq-process"):
        assert command(name, "--version").out == f"{name} {wsq.__version__}\n"
        assert Path(SCRIPTS, name).exists()


def test_an_answer_without_a_verdict_is_told_as_unknown(folder, capfd):
    due = add()

    assert process.run(settings.load(), Options(now=due), ScriptedProvider([say("Well.")])) == 0

    assert "completed  verdict unknown" in capfd.readouterr().out


def test_a_bar_shows_the_progress_where_a_person_watches_and_nowhere_else(started, folder):
    due = add()
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 100))

    passing = started(SCRIPTS / "wsq-process", "--now", due.isoformat(), stderr=theirs)
    out, _ = passing.communicate(timeout=30)
    os.close(theirs)
    seen = os.read(terminal, 100_000).decode()
    os.close(terminal)

    assert passing.returncode == 0
    assert "0/1" in seen
    assert out.splitlines()[-1] == "1 task was due in 1 store: 1 completed."
    assert "0/1" not in out
