"""A prompt tried out: what the agent would do is told in full, and nothing of it is done."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from IPython.core.formatters import DisplayFormatter

import wsq
from tests.domain.worlds import PaidProvider, for_ever, slow_to_say, try_and_think, try_out, until
from tests.store import crew
from wsq.agent.providers import ProviderError, Request, ScriptedProvider, Turn, Usage, call, finish, say

HOSTILE = "<script>alert(1)</script>"


def everything(ws: wsq.Workspace) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of the workspace, but how often a server's stores were written to."""
    schema = "wsq" if ws.place.startswith("postgresql:") else "main"

    def asked(cursor):
        tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY table_name"
        names = [name for (name,) in cursor.query(tables, [schema]) if name != "touched"]
        return {name: sorted(cursor.query(f"SELECT * FROM {name}"), key=repr) for name in names}

    return ws._log.read(asked)


def file_of(ws: wsq.Workspace) -> str:
    """The fingerprint of the workspace's file, taken by another process; on a server there is none."""
    if ws.place.startswith("postgresql:"):
        return ""
    return subprocess.run(["sha256sum", ws.place], capture_output=True, text=True, check=True).stdout


def interrupted(_request: Request) -> Turn:
    """Somebody presses the keys while the model thinks."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    return for_ever(_request)


@pytest.fixture
def trying(open_workspace, database, tmp_path, monkeypatch):
    """A board with some life on it, and an agent that follows a script; temporary files have a folder of their own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))

    def opening(*lines, provider=None):
        ws = open_workspace(provider=provider or ScriptedProvider(lines or [finish()]))
        acme = ws.store("acme")
        launch = acme.create_project("Launch")
        acme.create_task("Old", project_id=launch.id)
        acme.create_document("Brief", "Calm.", project_id=launch.id)
        acme.run_now(acme.create_recurring_task("Before", "List the tasks", every="1 day").id)
        ws.scratch = scratch
        return ws, acme, launch

    return opening


def test_a_dry_run_tells_what_would_become_of_the_board_and_how(trying):
    def work(request):
        if request.turn == 0:
            return call(("list_tasks", {}), ("list_documents", {}))
        said = str(request.messages)
        (task,) = acme.tasks()
        (document,) = acme.documents()
        assert task.id in said
        return call(
            ("create_task", {"title": "New"}),
            ("move_task", {"task_id": task.id, "status": "doing"}),
            ("archive_task", {"task_id": task.id}),
            ("update_document", {"document_id": document.id, "content": "Exact."}),
        )

    ws, acme, launch = trying(finish())
    ws._service.given_provider = ScriptedProvider([work, work, finish("done", "So be it.")])

    tried = acme.dry_run("Tidy up", launch.id)

    assert (tried.status, tried.verdict, tried.output, tried.reason) == ("completed", "done", "So be it.", None)
    assert [(each.what, each.kind, each.name) for each in tried.changes] == [
        ("changed", "document", "Brief"),
        ("created", "task", "New"),
        ("archived", "task", "Old"),
    ]
    brief, new, old = sorted(tried.changes, key=lambda each: each.name)
    assert (brief.before, brief.after) == ({"content": "Calm."}, {"content": "Exact."})
    assert (old.before["status"], old.after["status"], old.before["archived_at"]) == ("todo", "doing", None)
    assert new.before == {}
    assert new.after["title"] == "New"
    assert [line.tool for line in tried.transcript if line.role == "tool"] == [
        "list_tasks", "list_documents", "create_task", "move_task", "archive_task", "update_document", "finish",
    ]  # fmt: skip


def test_it_asks_the_model_what_an_execution_with_this_prompt_would_ask(trying):
    provider = ScriptedProvider([finish()])
    _, acme, launch = trying(provider=provider)
    provider.requests.clear()

    acme.dry_run("Look around", launch.id, model="a-model", time_limit="1 minute")
    task = acme.create_recurring_task(
        "New recurring task", "Look around", every="1 day", project_id=launch.id, model="a-model", time_limit="1 minute"
    )
    acme.run_now(task.id)

    tried, carried_out = provider.requests
    assert (tried.system, tried.tools, tried.model, tried.seconds) == (
        carried_out.system, carried_out.tools, carried_out.model, carried_out.seconds,
    )  # fmt: skip
    marks = [str(request.messages).split("mark=")[1][:8] for request in (tried, carried_out)]
    assert str(tried.messages).replace(*marks) == str(carried_out.messages)


@pytest.mark.parametrize(
    ("lines", "came_of_it"),
    [
        ([call(("create_task", {"title": "New"})), finish()], "completed"),
        ([call(("create_task", {"title": "New"})), ProviderError("gone", retryable=False)], "provider"),
        ([call(("create_task", {"title": "New"})), for_ever], "timed_out"),
        ([call(("create_task", {"title": "New"})), interrupted], KeyboardInterrupt),
    ],
    ids=["done", "failed", "timed out", "interrupted"],
)
def test_nothing_is_written_and_nothing_stays_behind_however_it_ends(trying, lines, came_of_it):
    ws, acme, launch = trying()
    ws._service.given_provider = ScriptedProvider(lines)
    before, fingerprint, changes = everything(ws), file_of(ws), ws.changes()

    if came_of_it is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            acme.dry_run("Go", launch.id)
    else:
        tried = acme.dry_run("Go", launch.id, time_limit="1 second")
        assert came_of_it in (tried.status, tried.reason)
        assert [each.name for each in tried.changes] == ["New"]

    assert everything(ws) == before
    assert (file_of(ws), ws.changes()) == (fingerprint, changes)
    assert [left for left in ws.scratch.iterdir() if not left.name.startswith("wsq-")] == []
    assert [thread.name for thread in threading.enumerate()].count("wsq-executor") == 1  # the workspace's own
    ws.close()
    assert list(ws.scratch.iterdir()) == []
    assert [file for file in Path(f"{ws.place}.wsq").rglob("*.duckdb*") if file.is_file()] == []


def test_the_board_goes_on_meanwhile_and_neither_sees_the_other(trying):
    def meanwhile(_request):
        acme.create_task("From a person")
        return call(("list_tasks", {}), ("create_task", {"title": "From the agent"}))

    ws, acme, _ = trying()
    ws._service.given_provider = ScriptedProvider([meanwhile, finish()])

    tried = acme.dry_run("Go")

    assert [each.name for each in tried.changes] == ["From the agent"]
    assert "From a person" not in str([line.content for line in tried.transcript if line.role == "tool"])
    assert {task.title for task in acme.tasks()} == {"Old", "From a person"}


def test_the_agent_reaches_no_other_project_and_no_other_store(trying):
    ws, acme, launch = trying()
    elsewhere = [acme.create_task("Apart").id, ws.store("beta").create_task("Theirs").id]
    ws._service.given_provider = ScriptedProvider(
        [call(*[("archive_task", {"task_id": each}) for each in elsewhere]), finish()]
    )

    tried = acme.dry_run("Archive all", launch.id)

    assert [line.is_error for line in tried.transcript if line.tool == "archive_task"] == [True, True]
    assert tried.changes == []


def test_what_it_costs_counts_against_the_stores_day_and_no_tasks(trying, clock):
    ws, acme, launch = trying(provider=PaidProvider([call(("list_tasks", {})), finish()], price=0.25))
    (task,) = acme.recurring_tasks()
    before, spent = everything(ws), acme.spending(task.id).spent

    tried = acme.dry_run("Go", launch.id)

    assert (tried.cost_usd, tried.input_tokens, tried.model) == (0.5, 1_000, ws.settings.model)
    assert (acme.spending().spent, acme.spending(task.id).spent) == (spent + 0.5, spent)
    after = everything(ws)
    (row,) = after.pop("dry_runs")
    assert row[1:6] == ("acme", launch.id, ws.settings.model, clock.now(), 0.5)
    assert after == {name: rows for name, rows in before.items() if name != "dry_runs"}
    assert ws.verify() == []


def test_one_that_is_interrupted_or_fails_is_paid_for_too(trying):
    broken = ProviderError("broke off", retryable=False, usage=Usage(output_tokens=9), cost_usd=0.125)
    ws, acme, _ = trying(provider=PaidProvider([broken], price=0.25, most=0.25))
    spent = acme.spending().spent

    acme.dry_run("Go")
    assert acme.spending().spent == spent + 0.125
    ws._service.given_provider = PaidProvider([interrupted], most=0.25)
    with pytest.raises(KeyboardInterrupt):
        acme.dry_run("Go")

    assert acme.spending().spent == spent + 0.125 + 0.25  # nobody knows what the last call came to


def test_none_begins_when_the_stores_budget_is_used_up_and_no_call_that_it_does_not_hold(trying, clock):
    ws, acme, _ = trying(provider=PaidProvider([finish()], price=0.25, most=0.5))
    ws.update_store("acme", budget_per_day=0.6)  # of which 0.25 are spent

    tried = acme.dry_run("Go")
    assert (tried.status, tried.reason) == ("failed", "budget")
    assert everything(ws)["dry_runs"] == []
    ws.update_store("acme", budget_per_day=0.25)
    before = everything(ws)
    with pytest.raises(wsq.NotRunnable, match=r"^The store has spent \$0.25 of its \$0.25 for today\. Give it"):
        acme.dry_run("Go")

    assert everything(ws) == before
    clock.advance(timedelta(days=1))
    assert acme.spending().spent == 0


def test_what_running_executions_have_reserved_is_waited_for_within_the_time_limit(trying):
    slow = lambda request: for_ever(request) if "Work slowly" in str(request.messages) else finish()
    ws, acme, _ = trying(provider=PaidProvider([slow], price=0.25, most=0.5))
    ws.update_store("acme", budget_per_day=1.2)  # of which 0.25 are spent
    running = acme.start_now(acme.create_recurring_task("Slow", "Work slowly", every="1 day").id)
    until(lambda: acme.spending().reserved)

    tried = acme.dry_run("Go", time_limit="1 second")

    assert (tried.status, tried.reason) == ("failed", "budget")
    assert "of the store's $1.20 for today $0.45 are left" in tried.error
    acme.cancel_execution(running.id)  # what it has reserved counts as spent
    ws.update_store("acme", budget_per_day=1.3)
    assert acme.dry_run("Go", time_limit="1 minute").status == "completed"


def test_dry_runs_use_up_what_executions_may_spend(trying):
    ws, acme, _ = trying(provider=PaidProvider([finish()], price=0.25))
    ws.update_store("acme", budget_per_day=0.75)
    (task,) = acme.recurring_tasks()
    acme.run_now(task.id)

    acme.dry_run("Go")

    with pytest.raises(wsq.NotRunnable, match="The store has spent"):
        acme.run_now(task.id)


def watched_spending(acme, stop):
    """What the store has spent and reserved, again and again until told to stop."""
    seen = []
    while not stop.is_set():
        today = acme.spending()
        seen.append(today.spent + today.reserved)
        time.sleep(0.1)
    return seen


def assert_within_the_budget(ws, acme, seen, *, budget):
    """At no moment more was spent and reserved than the budget, all that fits was used, nothing stays reserved."""
    assert max(seen) <= budget + 1e-9
    rows = everything(ws)["dry_runs"]
    assert [row[5] for row in rows] == [0.08] * len(rows)
    assert budget - 0.1 < acme.spending().spent <= budget
    assert acme.spending().spent == pytest.approx(0.08 * len(rows))
    assert acme.spending().reserved == 0
    assert [row[-3:] for row in rows] == [(False, 0, None)] * len(rows)
    assert ws.verify() == []


def test_eight_dry_runs_at_once_spend_no_more_than_the_budget(open_workspace):
    ws = open_workspace(provider=PaidProvider([slow_to_say(0.2)], price=0.08, most=0.1))
    acme = ws.store("acme")
    acme.create_task("So that there is a store")
    ws.update_store("acme", budget_per_day=0.6)
    stop = threading.Event()

    with ThreadPoolExecutor(9) as threads:
        watching = threads.submit(watched_spending, acme, stop)
        tried = [each.result() for each in [threads.submit(acme.dry_run, "Go") for _ in range(8)]]
        stop.set()

    assert Counter((each.status, each.reason) for each in tried) == {("completed", None): 7, ("failed", "budget"): 1}
    assert_within_the_budget(ws, acme, watching.result(), budget=0.6)


def test_dry_runs_of_several_processes_share_one_budget(open_workspace, database, tmp_path):
    ws = open_workspace()
    acme = ws.store("acme")
    acme.create_task("So that there is a store")
    ws.update_store("acme", budget_per_day=0.6)
    go, ready = tmp_path / "go", [tmp_path / f"ready {n}" for n in range(4)]
    others = [crew.start(try_out, str(database), 2, flag, go) for flag in ready]
    for flag in ready:
        crew.wait_for(flag, 60)
    stop = threading.Event()

    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(watched_spending, acme, stop)
        go.touch()
        crew.finish(*others)
        stop.set()

    assert len(everything(ws)["dry_runs"]) == 7
    assert_within_the_budget(ws, acme, watching.result(), budget=0.6)


def test_executions_see_what_a_dry_run_has_reserved(open_workspace):
    def meanwhile(_request):
        seen.append(acme.spending().reserved)
        ran.append(acme.run_now(task.id))
        return finish()

    seen, ran = [], []
    ws = open_workspace(provider=PaidProvider([finish()], price=0.08, most=0.1))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Other", "Go", every="1 day", time_limit="1 second")
    ws.update_store("acme", budget_per_day=0.15)
    ws._service.given_provider = PaidProvider(
        [lambda request: meanwhile(request) if "Try" in str(request.messages) else finish()], price=0.08, most=0.1
    )
    acme.dry_run("Try")

    assert seen == [0.1]
    assert (ran[0].status, ran[0].reason) == ("failed", "budget")
    assert "of the store's $0.15 for today $0.05 are left" in ran[0].error


def test_a_dry_run_that_was_killed_counts_with_what_it_reserved_as_an_estimate(
    open_workspace, database, clock, tmp_path
):
    ws = open_workspace(provider=PaidProvider([finish()], price=0.08, most=0.1))
    acme = ws.store("acme")
    acme.create_task("So that there is a store")
    ws.update_store("acme", budget_per_day=0.25)
    killed = crew.start(try_and_think, str(database))
    until(lambda: acme.spending().reserved, 60)
    crew.kill(killed)

    assert (acme.spending().spent, acme.spending().reserved) == (0, 0.1)  # nobody knows yet that it is gone
    assert acme.dry_run("Go").status == "completed"

    clock.advance(timedelta(minutes=6))
    assert (acme.spending().spent, acme.spending().reserved) == (pytest.approx(0.18), 0)
    tried = acme.dry_run("Go")  # others do not wait for it any more
    assert (tried.status, tried.reason) == ("failed", "budget")
    (estimated,) = [row for row in everything(ws)["dry_runs"] if row[-3]]
    assert estimated[5] == 0.1
    clock.advance(timedelta(days=1))
    assert acme.spending().spent == 0


@pytest.mark.parametrize("price", [0.08, None], ids=["priced", "unpriced"])
def test_what_is_reserved_is_replaced_by_what_a_call_cost_and_released_between_attempts(open_workspace, price):
    def line(request):
        seen.append((round(acme.spending().spent, 9), acme.spending().reserved))
        if len(seen) == 2:
            raise ProviderError("Later.", retryable=True, retry_after=1)
        return call(("list_tasks", {})) if request.turn == 0 else finish()

    seen, between = [], []
    most = None if price is None else 0.1
    ws = open_workspace(provider=PaidProvider([line], price=price, most=most, tokens=20_000))
    acme = ws.store("acme")
    acme.create_task("So that there is a store")
    clock = ws._log.clock
    sleep = type(clock).sleep

    async def sleeping(seconds):
        between.append(await asyncio.to_thread(lambda: acme.spending().reserved))
        await sleep(clock, seconds)

    clock.sleep = sleeping

    tried = acme.dry_run("Go")

    cost = 0.08 if price else 0.1
    assert tried.status == "completed"
    assert [spent for spent, _ in seen] == [0, cost, cost]
    assert [reserved >= 0.1 for _, reserved in seen] == [True] * 3
    assert between == [0]
    assert acme.spending().spent == pytest.approx(2 * cost)
    assert acme.spending().reserved == 0
    assert not tried.cost_estimated


@pytest.mark.file
def test_somebody_looks_at_the_file_meanwhile_and_the_cost_is_recorded_all_the_same(open_workspace, database, tmp_path):
    def line(_request):
        flag = tmp_path / "open"
        other = crew.start(crew.hold_with_another_program, database, flag)
        crew.wait_for(flag)
        threading.Timer(3, crew.kill, [other]).start()
        return finish()

    ws = open_workspace(provider=PaidProvider([line], price=0.08, most=0.1))
    acme = ws.store("acme")
    acme.create_task("So that there is a store")

    tried = acme.dry_run("Go")

    assert (tried.status, tried.cost_usd) == ("completed", 0.08)
    assert (acme.spending().spent, acme.spending().reserved) == (0.08, 0)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"prompt": " "}, wsq.InvalidInput, "prompt"),
        ({"project_id": "none"}, wsq.NotFound, "There is no project 'none'"),
        ({"time_limit": "2 days"}, wsq.InvalidInput, "2 days"),
    ],
)
def test_a_wish_that_no_recurring_task_could_have_is_refused_in_a_sentence(trying, given, error, words):
    ws, acme, _ = trying()
    before = everything(ws)

    with pytest.raises(error, match=words):
        acme.dry_run(**{"prompt": "Go", **given})

    assert everything(ws) == before


def test_a_pause_holds_for_dry_runs_too(trying):
    _, acme, _ = trying()
    acme.pause(reason="Holidays")

    with pytest.raises(wsq.NotRunnable, match="Holidays"):
        acme.dry_run("Go")


@pytest.mark.file
def test_the_copy_of_the_file_is_given_back_before_the_model_is_asked(trying, tmp_path):
    ws, acme, _ = trying()
    copies = []

    def meanwhile(request):
        acme.create_task("So that the next copy is another")
        assert ws.sql("SELECT count(*) n FROM tasks").n[0] == len(acme.tasks())
        copies.extend(tmp_path.rglob("private/*/*.duckdb"))
        return finish()

    ws._service.given_provider = ScriptedProvider([meanwhile])
    acme.dry_run("Look around")

    assert len(copies) == 1


def test_none_begins_inside_a_transaction(trying):
    _, acme, _ = trying()
    before = acme.head()

    with pytest.raises(wsq.NotRunnable, match="together"):
        acme.together(lambda store: (store.create_task("New"), store.dry_run("Go")))

    assert acme.head() == before


def test_it_shows_alike_each_time_and_what_was_written_is_text(trying):
    ws, acme, launch = trying()
    ws._service.given_provider = ScriptedProvider(
        [call(("create_task", {"title": HOSTILE, "description": HOSTILE})), say(HOSTILE)]
    )
    tried = acme.dry_run(HOSTILE, launch.id)

    told, again = (DisplayFormatter().format(tried)[0] for _ in range(2))

    assert told == again
    assert set(told) == {"text/plain", "text/html"}
    texts, tags = [], set()
    reader = HTMLParser()
    reader.handle_data, reader.handle_starttag = texts.append, lambda tag, attrs: tags.add(tag)
    reader.feed(told["text/html"])
    assert tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert HOSTILE in texts
    assert "created  task" in told["text/plain"]
    assert launch.id not in told["text/plain"].split("step  role")[0]  # ids are others each time
