"""Executions: how they begin, every way in which they end, and who may write for them."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

import wsq
from tests.domain.worlds import endings, for_ever, head, names, nothing_written, refused, until
from tests.rings import within
from wsq.agent.providers import ProviderError, ScriptedProvider, Turn, Usage, call, finish, say
from wsq.commands import executions as commands

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def carry_out(open_workspace):
    """Carries a task out with a script: gives the store, the task and the ended execution."""

    def carrying_out(*lines, **given):
        ws = open_workspace(provider=ScriptedProvider(lines))
        acme = ws.store("acme")
        task = acme.create_recurring_task("Triage", "Look.", every="1 hour", **given)
        return acme, task, acme.run_now(task.id)

    return carrying_out


def create(title):
    return ("create_task", {"title": title})


def steps(store, execution):
    """The kinds of the execution's durable steps, in order."""
    return [line.role for line in store.transcript(execution.id)][1:]


# Happy


def test_an_execution_tells_what_became_of_it(carry_out):
    used = Usage(input_tokens=10, output_tokens=3, cache_read_tokens=2, cache_write_tokens=1)

    acme, task, execution = carry_out(call(create("Mail"), usage=used), finish("done", "One task made."))

    (made,) = acme.tasks()
    assert (execution.status, execution.reason, execution.error) == ("completed", None, None)
    assert (execution.verdict, execution.output) == ("done", "One task made.")
    assert (execution.trigger, execution.attempts, execution.takeovers) == ("manual", 1, 0)
    assert execution.created_task_ids == (made.id,)
    assert made.created_by_execution_id == execution.id
    assert (execution.input_tokens, execution.output_tokens) == (10, 3)
    assert (execution.cache_read_tokens, execution.cache_write_tokens, execution.cost_usd) == (2, 1, None)
    assert (execution.started_at, execution.completed_at, execution.duration) == (NOON, NOON, timedelta())
    assert acme.execution(execution.id) == acme.latest_execution(task.id) == execution
    assert acme.workspace.verify() == []


def test_a_manual_execution_is_requested_started_and_ended_in_the_log(carry_out):
    acme, _, execution = carry_out(say("Fine."))

    assert names(acme)[2:] == [
        "recurring_task.execute", "task_execution.start", "task_execution.answer", "task_execution.complete",
    ]  # fmt: skip
    assert (execution.verdict, execution.output, execution.reason) == (None, "Fine.", None)


def test_a_verdict_of_could_not_completes_without_a_reason(carry_out):
    _, _, execution = carry_out(finish("could_not", "No."))

    assert (execution.status, execution.verdict, execution.reason) == ("completed", "could_not", None)


def test_executions_come_newest_first_and_can_be_paged(carry_out):
    acme, task, first = carry_out(say("Fine."))
    made = [first.id, *(acme.run_now(task.id).id for _ in range(6))]

    assert [row.id for row in acme.executions()] == made[::-1]
    assert [row.id for row in acme.executions(task.id, 3)] == made[:3:-1]
    assert [row.id for row in acme.executions(limit=3, before=made[4])] == made[3:0:-1]
    assert acme.executions(before=made[0]) == []
    assert acme.executions(limit=0) == []
    with pytest.raises(wsq.InvalidInput):
        acme.executions(limit=-1)


# Every way to fail


def too_long(clock):
    async def line(_request):
        await clock.sleep(301)
        return finish()

    return line


FAILURES = {
    "turn_limit": [lambda r: call(("list_tasks", {"status": ["todo", "doing"][r.turn % 2]}))],
    "call_limit": [lambda r: call(*[("list_tasks", {"status": s}) for s in ("todo", "done")] * 16)],
    "change_limit": [lambda r: call(*(create(f"{r.turn}-{m}") for m in range(7)))],
    "token_limit": [call(create("x"), usage=Usage(input_tokens=399_999, output_tokens=1)), finish()],
    "truncated": [Turn(content=call(create("x")).content, stop_reason="max_tokens")],
    "refused": [say("I would rather not.", stop_reason="refusal")],
    "empty_answer": [say("  \n")],
    "stuck": [call(("get_task", {"task_id": "nope"}))],
    "provider": [ProviderError("overloaded", retryable=False)],
}


@pytest.mark.parametrize("reason", FAILURES)
def test_every_failure_has_its_reason_a_sentence_and_one_terminal_event(carry_out, reason):
    acme, task, execution = carry_out(*FAILURES[reason])

    assert (execution.status, execution.reason) == ("failed", reason)
    assert execution.error.endswith((".", "overloaded"))
    assert endings(acme) == {execution.id: 1}
    assert execution.completed_at is not None
    assert acme.recurring_task(task.id).failures_in_row == 1
    assert acme.latest_execution(task.id) == execution
    assert acme.workspace.verify() == []


def test_a_failed_run_can_be_followed_by_another_one(carry_out):
    acme, task, _ = carry_out(say(""))

    assert acme.run_now(task.id).status == "failed"
    assert acme.recurring_task(task.id).failures_in_row == 2


def test_a_success_ends_a_row_of_failures(open_workspace):
    lines = [say(""), say(""), say("Fine.")]
    ws = open_workspace(provider=ScriptedProvider([lambda _request: lines.pop(0)]))
    task = ws.store("acme").create_recurring_task("Triage", "Look.", every="1 hour")
    for _ in range(3):
        ws.store("acme").run_now(task.id)

    assert ws.store("acme").recurring_task(task.id).failures_in_row == 0


def test_the_limits_are_12_turns_30_calls_and_20_changes(carry_out, open_workspace):
    acme, _, turns = carry_out(*FAILURES["turn_limit"])
    assert (turns.turns, turns.calls) == (12, 12)

    calls = _again(acme, open_workspace, FAILURES["call_limit"])
    assert calls.calls == 30

    changes = _again(acme, open_workspace, FAILURES["change_limit"])
    assert (changes.changes, len(changes.created_task_ids)) == (20, 20)


def _again(acme, open_workspace, lines):
    ws = open_workspace(provider=ScriptedProvider(lines))
    task = ws.store("acme").create_recurring_task("Again", "Look.", every="1 hour")
    return ws.store("acme").run_now(task.id)


def test_the_tool_calls_of_a_truncated_answer_are_not_carried_out(carry_out):
    content = [*say("Now I").content, *call(create("half")).content]

    acme, _, execution = carry_out(Turn(content=content, stop_reason="max_tokens"))

    assert acme.tasks() == []
    assert (execution.reason, execution.output, execution.calls) == ("truncated", "Now I", 0)


def test_a_full_context_is_a_truncated_answer_too(carry_out):
    _, _, execution = carry_out(say("…", stop_reason="model_context_window_exceeded"))

    assert execution.reason == "truncated"


def test_a_pause_is_no_end(carry_out):
    _, _, execution = carry_out(say("Wait", stop_reason="pause_turn"), finish())

    assert (execution.status, execution.turns) == ("completed", 2)


def test_working_time_is_told_by_the_clock(carry_out, clock):
    acme, _, execution = carry_out(too_long(clock))

    assert (execution.status, execution.reason) == ("failed", "timed_out")
    assert "300 seconds" in execution.error
    assert execution.turns == 1, "what was answered, and paid for, is on record"
    assert execution.duration == timedelta(seconds=301)
    assert endings(acme) == {execution.id: 1}


def test_exactly_the_time_limit_is_not_too_long(carry_out, clock):
    async def just_in_time(_request):
        await clock.sleep(300)
        return finish()

    _, _, execution = carry_out(just_in_time)

    assert (execution.status, execution.duration) == ("completed", timedelta(minutes=5))


def test_no_further_answer_is_asked_for_when_the_time_is_up(carry_out, clock):
    async def four_minutes(_request):
        await clock.sleep(150)
        return call(create("x"))

    _, _, execution = carry_out(four_minutes)

    assert (execution.reason, execution.turns) == ("timed_out", 2)


def test_an_answer_that_never_comes_is_cut_off_in_real_time(carry_out):
    acme, _, execution = carry_out(for_ever, time_limit="1 second")

    assert (execution.reason, execution.turns) == ("timed_out", 0)
    assert endings(acme) == {execution.id: 1}


# Tried again


def failing(times, error, then):
    """A line that raises `error` so many times, over all requests, and then answers."""
    left = [times]

    def line(_request):
        if left[0]:
            left[0] -= 1
            raise error
        return then

    return line


def test_a_failure_that_may_pass_is_tried_three_times_in_all(carry_out, clock):
    acme, _, execution = carry_out(ProviderError("overloaded", retryable=True))

    assert (execution.status, execution.reason, execution.attempts) == ("failed", "provider", 3)
    assert "overloaded" in execution.error
    assert steps(acme, execution) == ["failure", "failure"]
    assert len(acme.workspace.provider().requests) == 3
    waits = [event.fact.wait for event in acme.events() if event.fact.stored_name == "task_execution.retry"]
    assert clock.now() - NOON == pytest.approx(timedelta(seconds=sum(waits)), abs=timedelta(milliseconds=1))
    assert 1 <= waits[0] <= waits[1] <= 4


def test_two_failures_and_then_an_answer_complete(carry_out):
    _, _, execution = carry_out(failing(2, ProviderError("overloaded", retryable=True), finish()))

    assert (execution.status, execution.attempts, execution.verdict) == ("completed", 3, "done")


def test_the_attempts_are_counted_over_the_whole_execution(carry_out):
    error = ProviderError("overloaded", retryable=True)

    _, _, execution = carry_out(failing(2, error, call(create("x"))), failing(1, error, finish()))

    assert (execution.status, execution.reason, execution.attempts, execution.turns) == ("failed", "provider", 3, 1)


def test_what_cannot_pass_is_tried_once(carry_out):
    acme, _, execution = carry_out(ProviderError("bad key", retryable=False))

    assert (execution.reason, execution.attempts, execution.error) == ("provider", 1, "scripted: bad key")
    assert len(acme.workspace.provider().requests) == 1


def test_an_error_of_any_other_kind_is_the_providers_and_tried_once(carry_out):
    acme, _, execution = carry_out(ZeroDivisionError("oh"))

    assert (execution.reason, execution.attempts) == ("provider", 1)
    assert len(acme.workspace.provider().requests) == 1


def test_the_wait_that_the_service_asks_for_is_kept(carry_out, clock):
    error = ProviderError("slow down", retryable=True, retry_after=45)

    carry_out(failing(1, error, finish()))

    assert timedelta(seconds=45) <= clock.now() - NOON < timedelta(seconds=47)


def test_nobody_waits_beyond_the_time_limit(carry_out, clock):
    _, _, execution = carry_out(ProviderError("slow down", retryable=True, retry_after=3000))

    assert (execution.reason, execution.attempts) == ("provider", 1)
    assert clock.now() == NOON


# One at a time


def test_a_task_runs_once_at_a_time_and_the_error_says_by_which_execution(open_workspace):
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    running = acme.start_now(task.id)
    assert (running.status, running.completed_at, running.duration) == ("running", None, None)
    assert acme.latest_execution(task.id).status == "running"

    for again in (acme.run_now, acme.start_now):
        with pytest.raises(wsq.AlreadyRunning) as caught, nothing_written_but(acme, "task_execution.answer"):
            again(task.id)
        assert caught.value.execution_id == running.id

    acme.cancel_execution(running.id)
    assert acme.start_now(task.id).id != running.id


def nothing_written_but(store, *allowed):
    """Like `nothing_written`, where a worker writes beside us."""
    from contextlib import contextmanager

    @contextmanager
    def looking():
        before = head(store)
        try:
            yield
        finally:
            assert set(names(store, before)) <= set(allowed)

    return looking()


def test_pressed_twice_at_once_it_runs_once(open_workspace):
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    outcomes = []

    def press():
        try:
            outcomes.append(acme.start_now(task.id).id)
        except wsq.AlreadyRunning as error:
            outcomes.append(error.execution_id)

    pressing = [threading.Thread(target=press) for _ in range(8)]
    for each in pressing:
        each.start()
    for each in pressing:
        each.join()

    assert len(outcomes) == 8
    assert len(set(outcomes)) == 1
    assert names(acme).count("task_execution.start") == 1


def test_a_disabled_task_does_not_run_and_nothing_is_written(acme):
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    acme.disable_recurring_task(task.id, reason="too noisy")

    for run in (acme.run_now, acme.start_now):
        with refused(acme, wsq.NotRunnable, "too noisy"):
            run(task.id)


# Cancelling


@pytest.mark.timed
def test_a_cancelled_execution_has_ended_at_once_and_its_worker_stops_within_a_second(open_workspace):
    stopped = threading.Event()

    async def stubborn(request):
        try:
            return await for_ever(request)
        except asyncio.CancelledError:
            stopped.set()
            raise

    provider = ScriptedProvider([call(create("first")), stubborn])
    ws = open_workspace(provider=provider)
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    running = acme.start_now(task.id)
    until(lambda: len(provider.requests) == 2)

    began = time.monotonic()
    cancelled = acme.cancel_execution(running.id)

    assert (cancelled.status, cancelled.reason, cancelled.completed_at) == ("cancelled", "cancelled", NOON)
    assert stopped.wait(timeout=within(1.5)), f"{time.monotonic() - began:.1f} s"
    assert acme.execution(running.id) == cancelled
    assert endings(acme) == {running.id: 1}
    assert len(cancelled.created_task_ids) == 1
    with refused(acme, wsq.InvalidInput, "cancelled"):
        acme.cancel_execution(running.id)


def test_what_a_worker_writes_after_the_cancellation_is_refused(open_workspace):
    def cancelled_meanwhile(request):
        acme.cancel_execution(request.execution_id)
        return call(create("too late"))

    ws = open_workspace(provider=ScriptedProvider([cancelled_meanwhile]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")

    execution = acme.run_now(task.id)

    assert (execution.status, execution.turns) == ("cancelled", 0)
    assert acme.tasks() == []
    assert names(acme)[-1] == "task_execution.cancel"
    assert acme.recurring_task(task.id).failures_in_row == 0


def test_deleting_a_task_cancels_its_running_execution(open_workspace):
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    running = acme.start_now(task.id)

    acme.delete_recurring_task(task.id)

    assert acme.execution(running.id).status == "cancelled"
    assert endings(acme) == {running.id: 1}
    until(lambda: ws._log.read(lambda c: c.query("SELECT count(*) FROM leases")) == [(0,)])


def test_an_ended_execution_cannot_be_cancelled(carry_out):
    acme, _, execution = carry_out(finish())

    with refused(acme, wsq.InvalidInput, "completed"):
        acme.cancel_execution(execution.id)


# Leases and taking over


def never_asked(_request):
    """A line whose answer is on record already."""
    raise AssertionError


@pytest.fixture
def crashed(open_workspace, clock):
    """An execution whose worker is gone in the middle of its work: its workspace is closed, its lease still stands."""

    def crashing(*lines, missed="skip"):
        provider = ScriptedProvider([*lines, for_ever])
        ws = open_workspace(provider=provider)
        acme = ws.store("acme")
        task = acme.create_recurring_task("Triage", "Look.", every="1 day", missed=missed)
        running = acme.start_now(task.id)
        until(lambda: len(provider.requests) == len(lines) + 1)
        ws.close()
        return task, running

    return crashing


def test_another_worker_goes_on_with_the_next_step_and_repeats_nothing(crashed, open_workspace, clock):
    _, running = crashed(call(create("a"), create("b")), call(create("c")))
    provider = ScriptedProvider([never_asked, never_asked, finish("done", "Three.")])
    ws = open_workspace(provider=provider)
    acme = ws.store("acme")
    clock.advance(5 * MINUTE)

    report = ws.process()

    execution = acme.execution(running.id)
    assert (report.resumed, report.completed, report.executions) == (1, 1, [execution])
    assert (execution.status, execution.takeovers, execution.attempts) == ("completed", 1, 1)
    assert (execution.verdict, execution.turns, execution.calls) == ("done", 3, 4)
    assert [row.title for row in acme.tasks()] == ["a", "b", "c"]
    assert [request.turn for request in provider.requests] == [2], "no recorded answer is asked for again"
    assert "task_execution.resume" in names(acme)
    assert endings(acme) == {running.id: 1}
    assert ws.verify() == []


def test_the_time_in_which_nobody_held_the_lease_does_not_count(crashed, open_workspace, clock):
    _, running = crashed(call(create("a")))
    ws = open_workspace(provider=ScriptedProvider([never_asked, finish()]))
    clock.advance(40 * MINUTE)

    ws.process()

    execution = ws.store("acme").execution(running.id)
    assert execution.status == "completed"
    assert execution.idle == 40 * MINUTE
    assert execution.duration == 40 * MINUTE


@pytest.mark.parametrize(("later", "status"), [
    (timedelta(minutes=60), "completed"), (timedelta(minutes=60, seconds=1), "failed"),
])  # fmt: skip
def test_an_execution_is_taken_over_not_later_than_an_hour_after_its_lease(
    crashed, open_workspace, clock, later, status
):
    task, running = crashed()
    ws = open_workspace(provider=ScriptedProvider([finish()]))
    clock.advance(later)

    report = ws.process()

    execution = ws.store("acme").execution(running.id)
    assert execution.status == status
    assert endings(ws.store("acme")) == {running.id: 1}
    if status == "failed":
        assert (execution.reason, report.failed, report.resumed) == ("abandoned", 1, 1)
    again = ws.store("acme").run_now(task.id)
    assert again.status == "completed", "the task is free again"


def test_an_execution_is_taken_over_three_times_at_most(crashed, open_workspace, clock):
    _, running = crashed()
    for _ in range(3):
        provider = ScriptedProvider([for_ever])
        ws = open_workspace(provider=provider)
        clock.advance(2 * MINUTE)
        ws.begin_pass()
        until(lambda: provider.requests)  # noqa: B023 - waited for in this turn of the loop
        ws.close()
    ws = open_workspace(provider=ScriptedProvider([finish()]))
    clock.advance(2 * MINUTE)

    ws.process()

    execution = ws.store("acme").execution(running.id)
    assert (execution.status, execution.reason, execution.takeovers) == ("failed", "abandoned", 3)


def test_a_worker_with_another_provider_does_not_go_on(crashed, open_workspace, clock):
    _, running = crashed(call(create("a")))
    ws = open_workspace(provider=ScriptedProvider([finish()], name="another"))
    clock.advance(2 * MINUTE)

    ws.process()

    execution = ws.store("acme").execution(running.id)
    assert (execution.status, execution.reason) == ("failed", "provider_changed")
    assert endings(ws.store("acme")) == {running.id: 1}


def test_what_the_former_holder_writes_after_a_take_over_is_refused(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    running = acme.start_now(task.id)
    ws.close()
    other = open_workspace(provider=ScriptedProvider([for_ever]))
    clock.advance(2 * MINUTE)

    taken = other._log.write(lambda tx: commands.take_over(tx, "acme", running.id, "another worker"))

    assert (running.epoch, taken.epoch, taken.takeovers) == (1, 2, 1)
    with nothing_written(other.store("acme")):
        with pytest.raises(wsq.LeaseLost, match="taken over"):
            other._log.write(lambda tx: commands.held(tx, running.id, 1))
        assert other._log.write(lambda tx: commands.held(tx, running.id, 2)).status == "running"
        assert other._log.write(lambda tx: commands.take_over(tx, "acme", running.id, "a third")) is None
        assert other._log.write(lambda tx: commands.renew(tx, [running.id], "the former")) == set()
        assert other._log.write(lambda tx: commands.renew(tx, [running.id], "another worker")) == {running.id}


def test_a_slow_worker_that_was_taken_over_stops_and_writes_nothing_more(open_workspace, clock):
    release = threading.Event()

    async def slow(_request):
        while not release.is_set():
            await asyncio.sleep(0.01)
        return call(create("too late"))

    ws = open_workspace(provider=ScriptedProvider([slow]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    running = acme.start_now(task.id)
    other = open_workspace(provider=ScriptedProvider([for_ever]))
    held = "SELECT holder FROM leases"
    ((first,),) = ws._log.read(lambda cursor: cursor.query(held))

    def steal(tx):  # as if its renewals had not come through
        tx.query("UPDATE leases SET expires_at = $1", [clock.now()])
        return commands.take_over(tx, "acme", running.id, "another worker")

    other._log.write(steal)
    release.set()

    until(lambda: not ws._service._executor._running)
    assert other._log.read(lambda cursor: cursor.query(held)) == [("another worker",)] != [(first,)]
    assert acme.tasks() == []
    assert acme.execution(running.id).status == "running", "the new holder's to end"


def test_a_lease_is_renewed_while_its_holder_works(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    running = acme.start_now(task.id)
    ends = "SELECT expires_at FROM leases"
    assert ws._log.read(lambda cursor: cursor.query(ends)) == [(NOON + MINUTE,)]

    clock.advance(31)

    until(lambda: ws._log.read(lambda cursor: cursor.query(ends)) == [(NOON + timedelta(seconds=91),)], 3)
    assert acme.execution(running.id).takeovers == 0


def test_closing_a_workspace_releases_its_leases_at_once(crashed, open_workspace, clock):
    _, running = crashed()
    ws = open_workspace(provider=ScriptedProvider([finish()]))

    report = ws.process()

    assert report.resumed == 1
    assert ws.store("acme").execution(running.id).status == "completed"


@pytest.fixture
def closed_while(open_workspace, clock):
    """What a call on another thread comes to when its workspace, with a task that never ends, is closed meanwhile."""

    def closing(work):
        provider = ScriptedProvider([for_ever])
        ws = open_workspace(provider=provider)
        acme = ws.store("acme")
        tasks = [acme.create_recurring_task(f"Triage {n}", "Look.", every="1 hour") for n in range(20)]
        clock.advance(3600)
        told = []

        def working():
            try:
                told.append(work(ws, tasks[0]))
            except Exception as error:  # noqa: BLE001 - told to the test, whatever it is
                told.append(error)

        worker = threading.Thread(target=working, daemon=True)
        worker.start()
        until(lambda: provider.requests)
        ws.close()
        worker.join(30)
        assert not worker.is_alive()
        return told[0]

    return closing


@pytest.mark.parametrize(
    "work",
    [
        lambda ws, task: ws.store("acme").run_now(task.id),
        lambda ws, _: ws.process(),
        lambda ws, _: ws.process(now=NOON + timedelta(hours=1)),
    ],
    ids=["run now", "a pass", "a pass with its own time"],
)
def test_closing_a_workspace_tells_those_who_wait_and_the_next_pass_goes_on(closed_while, work, open_workspace):
    told = closed_while(work)

    assert isinstance(told, wsq.WorkspaceError)
    assert "the next pass takes it up" in str(told)
    ws = open_workspace(provider=ScriptedProvider([finish()] * 20))
    ws.process()
    acme = ws.store("acme")
    assert [acme.latest_execution(task.id).completed_at is None for task in acme.recurring_tasks()] == [False] * 20
    assert names(acme).count("task_execution.complete") == 20


def test_a_task_that_failed_five_times_in_a_row_is_disabled_and_says_so(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([ValueError("broken")]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")

    for _ in range(6):
        clock.advance(3600)
        ws.process()

    row = acme.recurring_task(task.id)
    assert (row.enabled, row.disabled_reason) == (False, "It failed 5 times in a row.")
    assert (row.next_execution_at, row.failures_in_row) == (None, 5)
    assert [each.status for each in acme.executions(task.id)] == ["failed"] * 5
    assert acme.enable_recurring_task(task.id).failures_in_row == 0
