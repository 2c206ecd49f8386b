"""Nothing costs more in a day than it may."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from datetime import timedelta

import pytest

import wsq
from tests.conftest import NOON
from tests.domain.worlds import PaidProvider, names, until
from wsq.agent.providers import ProviderError, Usage, call, finish, say
from wsq.clock import SystemClock
from wsq.commands import budgets

HOUR = timedelta(hours=1)


@pytest.fixture
def paid(open_workspace):
    """A workspace whose model costs something, and its store."""

    def opening(lines=None, **figures):
        ws = open_workspace(provider=PaidProvider(lines or [say("ok")], **figures))
        return ws, ws.store("acme")

    return opening


def test_a_task_may_spend_a_dollar_a_day_and_its_further_slots_are_skipped(paid, clock):
    ws, acme = paid()
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    outcomes = []

    for _ in range(6):
        clock.advance(HOUR)
        ws.process()
        outcomes.append(acme.latest_execution(task.id))

    assert [(row.status, row.reason) for row in outcomes] == [("completed", None)] * 4 + [
        ("skipped", "over_budget")
    ] * 2
    assert acme.spending(task.id).spent == 1.0
    assert (acme.spending().spent, acme.spending().budget) == (1.0, 5.0)


def test_a_new_day_in_the_stores_zone_brings_a_new_budget(paid, clock):
    ws, acme = paid(price=1.0)
    ws.create_store("acme", timezone="Asia/Tokyo")  # where it is 21:00 at noon UTC
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour", timezone="UTC")
    outcomes = []

    for _ in range(4):
        clock.advance(HOUR)
        ws.process()
        outcomes.append(acme.latest_execution(task.id).status)

    assert outcomes == ["completed", "skipped", "completed", "skipped"]


def test_all_tasks_of_a_store_together_may_spend_its_budget(paid, clock):
    ws, acme = paid(price=1.0)
    ws.create_store("acme", budget_per_day=2)
    tasks = [acme.create_recurring_task(f"Triage {n}", "Look.", every="1 hour", budget_per_day=9) for n in range(2)]

    for _ in range(3):
        clock.advance(HOUR)
        ws.process()

    rows = [row for task in tasks for row in acme.executions(task.id)]
    assert sorted(row.status for row in rows) == ["completed"] * 2 + ["skipped"] * 4
    assert {row.reason for row in rows} == {None, "over_budget"}


def test_another_stores_spending_is_its_own(paid, clock):
    ws, acme = paid(price=1.0)
    ws.create_store("acme", budget_per_day=1)
    other = ws.store("other")
    for store in (acme, other):
        store.create_recurring_task("Triage", "Look.", every="1 hour", budget_per_day=9)

    for _ in range(2):
        clock.advance(HOUR)
        report = ws.process()

    assert {row.store_id: row.status for row in report.executions} == {"acme": "skipped", "other": "completed"}


def test_run_now_over_budget_is_refused_and_writes_nothing(paid):
    _, acme = paid(price=1.0)
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    acme.run_now(task.id)
    before = names(acme)

    with pytest.raises(wsq.NotRunnable, match=r"has spent \$1.00 of its \$1.00 for today"):
        acme.run_now(task.id)

    assert names(acme) == before


def test_an_execution_ends_before_a_turn_that_its_budget_could_not_hold(paid):
    _, acme = paid([call(("list_tasks", {})), call(("list_tasks", {"status": "todo"})), finish()], price=0.4, most=0.4)
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")

    ended = acme.run_now(task.id)

    assert (ended.status, ended.reason, ended.turns, ended.cost_usd) == ("failed", "budget", 2, 0.8)
    assert ended.error == (
        "The next call of the model may cost up to $0.40, and of the recurring task's $1.00 for today $0.20 are left."
    )


def test_executions_side_by_side_cannot_together_exceed_the_stores_budget(open_workspace, clock):
    together = threading.Event()

    async def waits(_request):
        while not together.is_set():
            await asyncio.sleep(0.01)
        return say("ok")

    provider = PaidProvider([waits], price=1.0, most=1.0)
    ws = open_workspace(provider=provider)
    ws.create_store("acme", budget_per_day=3)
    acme = ws.store("acme")
    for n in range(6):
        acme.create_recurring_task(f"Triage {n}", "Look.", every="1 hour")
    clock.advance(HOUR)

    ended = ws.begin_pass()
    until(lambda: len(provider.requests) == 3)
    assert acme.spending().reserved == 3.0
    assert [row.status for row in acme.executions()] == ["running"] * 6
    together.set()
    report = ended()

    assert (report.completed, report.failed) == (3, 3)
    assert {row.reason for row in report.executions if row.status == "failed"} == {"budget"}
    assert (acme.spending().spent, acme.spending().reserved) == (3.0, 0.0)
    assert len(provider.requests) == 3


def test_who_finds_no_room_for_others_reservations_waits_until_they_cost_less(open_workspace, clock):
    provider = PaidProvider([say("ok")], price=0.1, most=1.0)
    ws = open_workspace(provider=provider)
    ws.create_store("acme", budget_per_day=2)
    acme = ws.store("acme")
    for n in range(6):
        acme.create_recurring_task(f"Triage {n}", "Look.", every="1 hour")
    clock.advance(HOUR)

    report = ws.process()

    assert (report.completed, report.failed) == (6, 0)
    assert acme.spending().spent == pytest.approx(0.6)


def test_a_failed_attempt_that_cost_something_counts(open_workspace, clock):
    broken = ProviderError("cut off", retryable=True, usage=Usage(input_tokens=100), cost_usd=0.3)
    ws = open_workspace(provider=PaidProvider([broken]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")

    ended = acme.run_now(task.id)

    assert (ended.status, ended.reason, ended.attempts) == ("failed", "provider", 3)
    assert (ended.input_tokens, ended.cost_usd) == (300, pytest.approx(0.9))
    assert acme.spending(task.id).spent == pytest.approx(0.9)


def test_a_model_without_a_price_is_bounded_by_its_tokens(paid, clock):
    ws, acme = paid(price=None, most=None, tokens=100_000)
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    statuses = []

    for _ in range(4):
        clock.advance(HOUR)
        ws.process()
        statuses.append(acme.latest_execution(task.id).status)

    assert statuses == ["completed", "completed", "skipped", "skipped"]
    assert acme.latest_execution(task.id).cost_usd is None
    assert acme.spending(task.id).spent == 1.0


def test_what_was_set_aside_by_a_worker_that_is_gone_counts(open_workspace, clock):
    async def for_ever(_request):
        await asyncio.Event().wait()
        raise AssertionError

    provider = PaidProvider([for_ever])
    ws = open_workspace(provider=provider)
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    acme.start_now(task.id)
    until(lambda: provider.requests)
    ws.close()
    after = open_workspace(provider=PaidProvider([say("ok")]))

    after.process()

    ended = after.store("acme").latest_execution(task.id)
    assert (ended.status, ended.takeovers, ended.cost_usd) == ("completed", 1, 0.5)
    assert "task_execution.charge" in names(after.store("acme"))


def test_offline_work_costs_nothing_and_is_never_over_budget(open_workspace, clock):
    ws = open_workspace()
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour", budget_per_day=0)

    clock.advance(HOUR)

    assert ws.process().completed == 1
    assert acme.spending(task.id).spent == 0


def test_a_budget_of_nothing_lets_no_model_be_asked(paid, clock):
    ws, acme = paid()
    acme.run_now(acme.create_recurring_task("Other", "Look.", every="1 hour").id)
    acme.create_recurring_task("Triage", "Look.", every="1 hour", budget_per_day=0)
    clock.advance(HOUR)

    rows = {row.reason for row in ws.process().executions}

    assert rows == {None, "over_budget"}


def test_what_a_day_will_cost_goes_by_the_last_executions(paid, clock):
    ws, acme = paid(price=0.01)
    task = acme.create_recurring_task("Triage", "Look.", every="5 minutes")
    assert str(acme.forecast(task.id)) == "288 runs a day, cost unknown"

    for _ in range(3):
        clock.advance(timedelta(minutes=5))
        ws.process()

    assert str(acme.forecast(task.id)) == "288 runs a day, about $2.88"


def test_the_day_that_is_asked_about_begins_at_the_stores_midnight(paid):
    _, acme = paid()
    acme.create_task("Something")

    assert acme.spending().since == NOON.replace(hour=0)


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
def test_a_call_that_nobody_hears_the_end_of_is_charged_with_what_was_set_aside(open_workspace, how):
    async def silent(_request):
        await asyncio.sleep(30)

    provider = PaidProvider([silent], most=0.4)
    acme = open_workspace(provider=provider).store("acme")
    limit = "5 minutes" if how == "cancelled" else "1 second"
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour", time_limit=limit)
    running = acme.start_now(task.id)
    until(lambda: provider.requests)

    if how == "cancelled":
        acme.cancel_execution(running.id)
    until(lambda: acme.execution(running.id).status != "running")

    assert acme.execution(running.id).cost_usd == 0.4
    assert (acme.spending(task.id).spent, acme.spending(task.id).reserved) == (0.4, 0.0)


def test_a_call_that_was_never_made_is_not_charged(open_workspace, clock):
    # Given a time limit that passes with the first answer, when the next call's cost is set aside already
    def slow(_request):
        clock.advance(60)
        return call(("list_tasks", {}))

    acme = open_workspace(provider=PaidProvider([slow])).store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour", time_limit="1 minute")

    execution = acme.run_now(task.id)

    assert (execution.reason, execution.calls, execution.cost_usd) == ("timed_out", 1, 0.25)
    assert (acme.spending(task.id).spent, acme.spending(task.id).reserved) == (0.25, 0.0)


def test_an_execution_that_waits_to_try_again_has_nothing_set_aside(open_workspace):
    # Given a call that failed and cost a little, and that is tried again in a while
    failure = ProviderError("busy", retryable=True, retry_after=30.0, usage=Usage(input_tokens=10), cost_usd=0.01)
    acme = open_workspace(provider=PaidProvider([failure]), clock=SystemClock()).store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour")
    running = acme.start_now(task.id)
    until(lambda: acme.execution(running.id).attempts == 2)
    assert (acme.spending(task.id).spent, acme.spending(task.id).reserved) == (0.01, 0.0)

    # When it is cancelled meanwhile
    acme.cancel_execution(running.id)

    # Then that little is all that it cost
    assert acme.execution(running.id).cost_usd == 0.01
    assert acme.spending(task.id).spent == 0.01


@pytest.mark.parametrize("seed", range(3))
def test_what_is_remembered_of_a_day_is_what_stands_in_the_database(open_workspace, clock, seed):
    # Given executions side by side that cost this or that, fail, break off or are cancelled
    chance = random.Random(seed)
    usage = Usage(input_tokens=5_000, output_tokens=700)

    async def unruly(request):
        await asyncio.sleep(chance.random() / 20)
        match chance.randrange(6):
            case 0:
                raise ProviderError("broke off", retryable=True, usage=usage, cost_usd=chance.choice([None, 0.01]))
            case 1:
                raise ProviderError("no", retryable=False)
            case 2 if request.turn < 3:
                return call(("create_task", {"title": "Made"}))
            case 3 if request.turn < 3:
                return call(("list_tasks", {"status": chance.choice(["todo", "done"])}))
        return say("ok")

    provider = PaidProvider([unruly], price=0.02, most=0.05)
    ws = open_workspace(provider=provider)
    ws.create_store("acme", timezone="Asia/Tokyo", budget_per_day=2)
    acme = ws.store("acme")
    tasks = [acme.create_recurring_task(f"T{n}", "Look.", every="1 hour", budget_per_day=0.3) for n in range(8)]

    # When they run, over the store's midnight too
    compared = 0
    for _ in range(5):
        clock.advance(HOUR)
        done = ws.begin_pass()
        time.sleep(0.05)
        for row in acme.executions(limit=3):
            if row.status == "running" and chance.random() < 0.5:
                with contextlib.suppress(wsq.WsqError):
                    acme.cancel_execution(row.id)
        done()

        # Then what the writer remembers is what adding all of it up comes to
        added_up = acme.spendings()
        day = ws._log.write(lambda tx: tx.remembered.get((budgets.Day, "acme")), scope=frozenset({"acme"}))
        for task in tasks if day else ():  # nothing is remembered if another scope wrote last, or a write was refused
            remembered = day.of_task(task.id, 0.3)
            assert remembered.spent == pytest.approx(added_up[task.id].spent)
            assert remembered.reserved == added_up[task.id].reserved == 0
            compared += 1
        assert all(each.spent <= 0.3 + 1e-9 for each in added_up.values())
        assert acme.spending().spent <= 2
    assert compared


def test_past_midnight_an_execution_is_bounded_by_the_day_on_which_it_began(open_workspace, clock):
    # Given an execution that begins a minute before midnight and whose answers cost $0.40 of $1.00 each
    clock.move_to(NOON.replace(hour=23, minute=59))

    def past_midnight(_request):
        clock.advance(61)
        return call(("list_tasks", {}))

    lines = [
        past_midnight,
        *[call(("list_tasks", {"status": lane})) for lane in ("todo", "doing", "done")] * 3,
        finish(),
    ]
    acme = open_workspace(provider=PaidProvider(lines, price=0.4, most=0.4)).store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour", time_limit="30 minutes")

    execution = acme.run_now(task.id)

    assert (execution.reason, execution.turns) == ("budget", 2)
    assert execution.cost_usd == pytest.approx(0.8)
    assert (acme.spending(task.id).spent, acme.spending(task.id).reserved) == (0.0, 0.0)
