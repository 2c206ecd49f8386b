"""Statistics: what is counted, and that it is what the events say."""

import math
import random
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from IPython.lib.pretty import pretty

import wsq
from tests.domain.lives import lives, write
from tests.domain.worlds import PaidProvider
from wsq.agent.providers import ProviderError, ScriptedProvider, call, finish
from wsq.events import boards, recurring
from wsq.statistics import DEFINITIONS
from wsq.statistics.span import span
from wsq.zone_rules import zone as rules

CHANGES = {
    "Europe/Berlin": (date(2026, 3, 29), 23),
    "America/New_York": (date(2026, 11, 1), 25),
    "Australia/Lord_Howe": (date(2026, 4, 5), 24.5),
    "Asia/Beirut": (date(2026, 3, 29), 23),
}
"""Days on which the clocks change, and their hours; in Beirut it is midnight that is left out."""


# ---- an independent computation: plain Python over the events ------------------------------------


@dataclass
class Life:
    """An execution as its events tell it."""

    id: str
    store: str
    task: str
    project: str | None
    start: datetime
    seq: int
    model: str | None = None
    kind: str | None = None
    slot: datetime | None = None
    slots: int = 0
    status: str = "running"
    end: datetime | None = None
    verdict: str | None = None
    reason: str | None = None
    attempts: int = 1
    takeovers: int = 0
    made: int = 0
    tokens: Counter = field(default_factory=Counter)
    costs: list = field(default_factory=list)

    @property
    def seconds(self):
        return (self.end - self.start).total_seconds()

    @property
    def unpriced(self):
        return not self.costs and sum(self.tokens.values()) > 0 and self.kind == "anthropic"


def told_by_events(ws):
    """Every execution of a workspace."""
    found = {}
    for store in ws.stores(include_archived=True):
        for event in ws.store(store.id).events():
            fact, at = event.fact, event.recorded_at
            life = found.get(getattr(fact, "execution_id", None))
            match fact:
                case recurring.ExecutionStarted() | recurring.ExecutionSkipped():
                    life = Life(
                        fact.execution_id, event.store_id, fact.recurring_task_id, fact.project_id, at, event.seq
                    )
                    life.slot, life.slots = fact.scheduled_for, fact.slots
                    found[life.id] = life
                    if isinstance(fact, recurring.ExecutionSkipped):
                        life.status, life.reason, life.attempts = "skipped", fact.reason, 0
                    else:
                        life.model, life.kind = fact.model, fact.provider_kind
                        life.slot = fact.scheduled_for if fact.trigger == "automatic" else None
                case recurring.ModelAnswered() | recurring.ModelCharged():
                    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"):
                        life.tokens[name] += getattr(fact, name)
                    life.costs += [fact.cost_usd] if fact.cost_usd is not None else []
                case recurring.AttemptFailed():
                    life.attempts = fact.attempt
                case recurring.ExecutionResumed():
                    life.takeovers += 1
                case recurring.ToolCalled():
                    life.verdict = fact.verdict or life.verdict
                case boards.TaskCreated() if life is not None:
                    life.made += 1
                case recurring.ExecutionCompleted():
                    life.status, life.end, life.verdict = "completed", at, fact.verdict
                case recurring.ExecutionFailed():
                    life.status, life.end, life.reason = "failed", at, fact.reason
                case recurring.ExecutionCancelled():
                    life.status, life.end = "cancelled", at
    return list(found.values())


def counted(lives_):
    """The figures of some executions, as the definitions say."""
    of = Counter(life.status for life in lives_)
    carried = [life for life in lives_ if life.status != "skipped"]
    ended = [life for life in lives_ if life.status in ("completed", "failed")]
    tokens = sum((life.tokens for life in lives_), Counter())
    priced = [life for life in lives_ if life.costs]
    cost, unpriced = sum(sum(life.costs) for life in priced), sum(life.unpriced for life in lives_)
    sent = tokens["input_tokens"] + tokens["cache_read_tokens"] + tokens["cache_write_tokens"]
    made_by_priced = sum(life.made for life in priced)
    known = priced or not unpriced
    return {
        "executions": len(carried),
        "completed": of["completed"],
        "could_not": sum(life.status == "completed" and life.verdict == "could_not" for life in lives_),
        "failed": of["failed"],
        "cancelled": of["cancelled"],
        "running": of["running"],
        "skipped": of["skipped"],
        "skipped_slots": sum(life.slots for life in lives_ if life.status == "skipped"),
        "success_rate": of["completed"] / len(ended) if ended else None,
        "duration_mean": statistics.fmean(life.seconds for life in ended) if ended else None,
        **{name: tokens[name] for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")},
        "cache_share": tokens["cache_read_tokens"] / sent if sent else None,
        "cost_usd": cost if known else None,
        "unpriced": unpriced,
        "created_tasks": sum(life.made for life in lives_),
        "cost_per_created_task": cost / made_by_priced if known and made_by_priced else None,
        "retries": sum(life.attempts - 1 for life in carried),
        "retried": sum(life.attempts > 1 for life in carried),
        "takeovers": sum(life.takeovers for life in lives_),
    }


def spread(lives_):
    """What takes all values."""
    took = [life.seconds for life in lives_ if life.status in ("completed", "failed")]
    late = [(life.start - life.slot).total_seconds() for life in lives_ if life.status != "skipped" and life.slot]
    return {
        "duration_median": statistics.median(took) if took else None,
        "duration_p95": p95(took),
        "automatic": len(late),
        "lateness_median": statistics.median(late) if late else None,
        "lateness_p95": p95(late),
        "lateness_max": max(late, default=None),
    }


def p95(values):
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[94]


def same(found, expected):
    for name, value in expected.items():
        mine = getattr(found, name)
        assert mine == value or (mine is not None and value is not None and math.isclose(mine, value)), name


def equal(found, all_lives, ws, **narrowed):
    """Every figure of the statistics is what the executions in their span say."""
    asked = {
        name: value
        for name, value in narrowed.items()
        if name in ("store", "project", "task", "model") and value is not None
    }
    mine = [
        life
        for life in all_lives
        if found.since <= life.start < found.until
        and all(getattr(life, name) == value for name, value in asked.items())
    ]
    same(found.total, counted(mine) | spread(mine))

    zone = rules(found.timezone)
    by_day = defaultdict(list)
    for life in mine:
        by_day[life.start.astimezone(zone).date()].append(life)
    assert set(by_day) <= {day.day for day in found.days}
    for day in found.days:
        same(day, counted(by_day[day.day]) | spread(by_day[day.day]))

    for status, reasons, weight in (("failed", found.failures, 0), ("skipped", found.skips, 1)):
        counts = Counter(life.reason for life in mine if life.status == status)
        slots = Counter()
        for life in mine:
            slots[life.reason] += life.slots if life.status == status else 0
        assert {each.reason: (each.executions, each.slots) for each in reasons} == {
            reason: (counts[reason], slots[reason]) for reason in counts
        }
        order = [(each.executions, each.slots)[weight] for each in reasons]
        assert order == sorted(order, reverse=True)

    newest = sorted((life for life in mine if life.status == "failed"), key=lambda life: (life.start, life.seq))
    assert [each.id for each in found.recent_failures] == [life.id for life in newest[::-1][:20]]

    for groups, key in (
        (found.stores, lambda life: (life.store, life.store)),
        (found.projects, lambda life: (life.store, life.project)),
        (found.tasks, lambda life: (life.store, life.task)),
        (found.models, lambda life: (None, life.model)),
    ):
        by_key = defaultdict(list)
        for life in mine:
            by_key[key(life)].append(life)
        assert {(each.store_id, each.id) for each in groups} == set(by_key)
        for each in groups:
            same(each, counted(by_key[each.store_id, each.id]))
        order = [each.executions for each in groups]
        assert order == sorted(order, reverse=True)
    return mine


# ---- it equals what is counted -------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", *[pytest.param(zone, marks=pytest.mark.long_on_server) for zone in [*CHANGES][1:]]]
)
def test_statistics_are_what_plain_python_counts_from_the_events(ws, clock, zone):
    # Given three stores, two of them in this zone, over a day on which its clocks change, with days of nothing
    chance = random.Random(zone)
    changes, hours = CHANGES[zone]
    middle = datetime(changes.year, changes.month, changes.day, 12, tzinfo=rules(zone)).astimezone(UTC)
    clock.move_to(middle - timedelta(days=30))
    told = {}
    for store_id, timezone in (("acme", zone), ("beta", zone), ("far", "Pacific/Kiritimati")):
        ws.create_store(store_id, timezone=timezone)
        store = ws.store(store_id)
        projects = [store.create_project("First").id, store.create_project("Second").id, None]
        tasks = [
            store.create_recurring_task(f"Task {n}", "Look", every="1 hour", project_id=projects[n % 3])
            for n in range(7)
        ]
        told[store_id] = [
            *lives(store, tasks, middle - timedelta(hours=40), middle + timedelta(hours=40), 220, chance),
            *lives(store, tasks, middle - timedelta(days=9), middle - timedelta(days=7), 60, chance),
            *lives(
                store, tasks[:1], middle - timedelta(days=4), middle - timedelta(days=4) + timedelta(hours=1), 1, chance
            ),
        ]
        store.delete_recurring_task(tasks[6].id)
    write(ws, told)
    assert ws.verify() == []
    clock.move_to(middle + timedelta(days=3))
    everything = told_by_events(ws)

    # Then whatever is asked for, every figure is what the events say
    acme = ws.store("acme")
    project, task = acme.projects()[0].id, acme.recurring_tasks()[0].id
    whole = ws.statistics(days=20, most=100)
    assert len(equal(whole, everything, ws)) == len(everything)
    for narrowed in (
        {"store": "acme"}, {"store": "far"}, {"store": "acme", "project": project}, {"task": task},
        {"store": "acme", "model": "of the house"}, {"task": "none of these"},
    ):  # fmt: skip
        wish = {"project": "project_id", "task": "recurring_task_id"}
        given = {wish.get(name, name): value for name, value in narrowed.items()}
        if narrowed == {"task": "none of these"}:
            with pytest.raises(wsq.NotFound):
                ws.statistics(days=20, **given)
            continue
        found = ws.statistics(days=20, most=100, **given)
        assert len(found.days) == 20
        assert equal(found, everything, ws, **narrowed)
    for _ in range(3):  # spans that begin and end wherever they do
        since, until = sorted(middle + timedelta(hours=60 * chance.uniform(-1, 1)) for _ in range(2))
        equal(ws.statistics("acme", since=since, until=until, most=100), everything, ws, store="acme")

    # And the day on which the clocks change is as long as it is
    [changed] = [day for day in ws.statistics("acme", days=20).days if day.day == changes]
    assert (changed.until - changed.since) == timedelta(hours=hours)


def test_a_span_without_executions_has_days_of_zeros_and_no_rates(ws, acme):
    acme.create_project("First")

    found = ws.statistics("acme", days=3)

    assert [day.day for day in found.days] == [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)]
    for figures in (found.total, *found.days):
        assert (figures.executions, figures.cost_usd, figures.skipped_slots) == (0, 0.0, 0)
        assert figures.success_rate is figures.duration_p95 is figures.lateness_max is figures.cache_share is None
    assert found.failures == found.skips == found.recent_failures == found.tasks == []


def test_a_span_that_ends_where_it_begins_is_empty(ws, acme, clock):
    acme.run_now(acme.create_recurring_task("Triage", "List the tasks", every="1 hour").id)

    found = ws.statistics(since=clock.now(), until=clock.now())

    assert (found.days, found.total.executions) == ([], 0)


def test_an_instant_at_the_beginning_is_counted_and_one_at_the_end_is_not(ws, acme, clock):
    acme.run_now(acme.create_recurring_task("Triage", "List the tasks", every="1 hour").id)
    at = acme.executions()[0].started_at

    assert ws.statistics(since=at, until=at + timedelta(microseconds=1)).total.executions == 1
    assert ws.statistics(since=at - timedelta(days=1), until=at).total.executions == 0


def test_dates_mean_their_beginnings_in_the_stores_zone(ws):
    ws.create_store("acme", timezone="America/New_York")

    found = ws.statistics("acme", since=date(2026, 3, 8), until=date(2026, 3, 9))

    [day] = found.days
    assert (found.since, found.until) == (day.since, day.until)
    assert day.since == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert day.until - day.since == timedelta(hours=23)


def test_stores_of_different_zones_together_have_the_days_of_the_workspace(ws):
    ws.create_store("acme", timezone="Asia/Tokyo")
    assert ws.statistics().timezone == "Asia/Tokyo"

    ws.create_store("beta", timezone="America/New_York")
    assert ws.statistics().timezone == "UTC"
    assert ws.statistics("beta").timezone == "America/New_York"


def test_a_date_that_a_zone_has_left_out_is_no_day():
    found = span(datetime(2012, 1, 2, tzinfo=UTC), "Pacific/Apia", 30, since=date(2011, 12, 29))

    assert [day.day for day in found.days] == [29, 31, 1, 2]


def test_what_is_carried_out_and_fails_is_counted_with_its_price_and_leads_to_the_execution(open_workspace, clock):
    # Given a task that costs a quarter of a dollar for each of two answers, and one that fails
    lines = [
        call(("create_task", {"title": "Made"}), ("create_task", {"title": "Made too"})),
        finish("could_not", "No."),
    ]
    paid = open_workspace(provider=PaidProvider(lines)).store("acme")
    project = paid.create_project("Launch")
    first = paid.create_recurring_task("Paid", "Look", every="1 hour", project_id=project.id)
    paid.run_now(first.id)
    broken = open_workspace(provider=ScriptedProvider([ProviderError("The key is not valid.", retryable=False)]))
    second = broken.store("acme").create_recurring_task("Broken", "Look", every="1 hour")
    failed = broken.store("acme").run_now(second.id)

    found = broken.statistics("acme", days=1)

    assert (found.total.executions, found.total.success_rate, found.total.could_not) == (2, 0.5, 1)
    assert (found.total.cost_usd, found.total.created_tasks, found.total.cost_per_created_task) == (0.5, 2, 0.25)
    [failure] = found.recent_failures
    assert (failure.id, failure.name, failure.reason, failure.error) == (
        failed.id, "Broken", "provider", "scripted: The key is not valid.",
    )  # fmt: skip
    assert [(each.name, each.completed, each.failed) for each in found.tasks if each.completed] == [("Paid", 1, 0)]
    assert {each.name for each in found.projects} == {"Launch", None}
    assert found.total.lateness_median is None  # nobody is late who was not scheduled


def test_only_the_busiest_are_told_and_how_many_more_there_are(ws, acme):
    for name in ("Often", "Once", "Never mind"):
        task = acme.create_recurring_task(name, "List the tasks", every="1 hour")
        for _ in range(3 if name == "Often" else 1):
            acme.run_now(task.id)

    found = ws.statistics("acme", most=1)

    assert [each.name for each in found.tasks] == ["Often"]
    assert (found.tasks.more, found.projects.more) == (2, 0)


def test_more_than_a_read_may_take_is_counted_on_a_copy(ws, acme, monkeypatch):
    acme.run_now(acme.create_recurring_task("Triage", "List the tasks", every="1 hour").id)
    usual = ws.statistics("acme")
    monkeypatch.setattr("wsq.statistics.counting.MOST_IN_A_READ", 0)

    assert ws.statistics("acme") == usual
    assert ws.statistics("acme") == usual


def test_all_but_the_groups_can_be_had_before_they_are_counted(ws, acme):
    acme.run_now(acme.create_recurring_task("Triage", "List the tasks", every="1 hour").id)
    told = []

    found = ws.statistics("acme", so_far=told.append)

    [before] = told
    names = ("total", "days", "failures", "skips", "recent_failures", "since", "until")
    assert [getattr(before, name) for name in names] == [getattr(found, name) for name in names]
    assert [len(each) for each in (before.stores, before.projects, before.tasks, before.models)] == [0, 0, 0, 0]
    assert (found.total.executions, [each.name for each in found.tasks]) == (1, ["Triage"])


# ---- what cannot be asked for --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"store": "acne"}, wsq.NotFound, "the nearest is 'acme'"),
        ({"project_id": "nothing"}, wsq.NotFound, "project 'nothing'"),
        ({"store": "acme", "recurring_task_id": "\ud800"}, wsq.NotFound, "recurring task"),
        ({"days": 0}, wsq.InvalidInput, "from 1 to 3,660"),
        ({"days": True}, wsq.InvalidInput, "from 1 to 3,660"),
        ({"days": 5_000}, wsq.InvalidInput, "from 1 to 3,660"),
        (
            {"since": datetime(2026, 3, 1)},  # noqa: DTZ001 - the lack is what is tested
            wsq.InvalidInput,
            "time zone",
        ),
        ({"since": date(1900, 1, 1)}, wsq.InvalidInput, "from 1970 to 9998"),
        ({"until": "tomorrow"}, wsq.InvalidInput, "an instant with a time zone, or a date"),
        ({"since": date(2026, 3, 2), "until": date(2026, 3, 1)}, wsq.InvalidInput, "before it begins"),
        ({"since": date(2000, 1, 1)}, wsq.InvalidInput, "at most 3,660"),
        ({"most": -1}, wsq.InvalidInput, "most"),
        ({"model": "\ud800"}, wsq.InvalidInput, "a model's id"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_a_sentence(ws, acme, given, kind, said):
    acme.create_project("First")

    with pytest.raises(kind) as refused:
        ws.statistics(**given)

    assert said in str(refused.value)
    assert str(refused.value).endswith(".")


# ---- how they show themselves --------------------------------------------------------------------


def test_statistics_show_themselves_the_same_each_time_and_as_text_alone(ws, acme):
    acme.run_now(acme.create_recurring_task("<script>alert(1)</script>", "List the tasks", every="1 hour").id)
    found = ws.statistics("acme", days=2)

    html, plain = found._repr_html_(), pretty(found)

    assert (html, plain) == (ws.statistics("acme", days=2)._repr_html_(), pretty(ws.statistics("acme", days=2)))
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "100.0 %" in html
    assert "success_rate" in plain
    assert "2026-03-01" in plain
    assert pretty([found]).count("\n") == 0


def test_each_series_comes_as_a_table_of_its_own(ws, acme):
    acme.run_now(acme.create_recurring_task("Triage", "List the tasks", every="1 hour").id)
    found = ws.statistics("acme", days=2)

    days = found.days.to_pandas()

    assert list(days["executions"]) == [0, 1]
    assert list(days.columns) == list(found.days.kind.__struct_fields__)
    assert list(found.tasks.to_pandas()["name"]) == ["Triage"]
    assert list(found.recent_failures.to_pandas().columns) == list(found.recent_failures.kind.__struct_fields__)


def test_every_definition_stands_in_the_documentation():
    from pathlib import Path

    page = " ".join((Path(__file__).parents[2] / "docs" / "statistics.md").read_text("utf-8").split())

    for word, meaning in DEFINITIONS.items():
        assert f"**{word}.** {meaning}" in page
