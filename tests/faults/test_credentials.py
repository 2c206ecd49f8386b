"""A workspace in which a model was used is never served by the offline provider by accident."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

import wsq
from tests.faults.commands import BEGIN, DUE, assert_a_sentence, at, command, ledger, process, refused
from wsq.agent.providers import ScriptedProvider, finish
from wsq.clock import ManualClock
from wsq.views.live.hub import Hub


class Model(ScriptedProvider):
    """A provider behind which a model stands."""

    kind = "anthropic"


@pytest.fixture
def used(team):
    """The team's workspace after a model has served it once."""
    with wsq.open(team, clock=ManualClock(DUE), provider=Model([finish()], name="claude")) as ws:
        assert ws.process().completed == 2
    return team


LATER = DUE + timedelta(minutes=1)
MISSING = ("claude", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")


@pytest.mark.parametrize("flags", [["--json"], ["--quiet", "--dry-run"]], ids=" ".join)
@pytest.mark.parametrize("now", [LATER, BEGIN], ids=["due", "idle"])
def test_without_credentials_a_pass_settles_nothing_and_is_refused_whether_anything_is_due_or_not(used, now, flags):
    before = ledger(used)

    refused(at(now, *flags), *MISSING)

    assert ledger(used) == before


def test_a_watch_ends_at_once_for_want_of_credentials(used):
    refused(process("--watch", "1"), *MISSING)


def test_running_a_task_by_hand_is_refused_too_and_writes_nothing(used):
    before = ledger(used)

    refused(command("run", "Tick 1", "--store", "acme"), *MISSING)
    with wsq.open(used, clock=ManualClock(LATER)) as ws:
        with pytest.raises(wsq.WsqError, match="ANTHROPIC_API_KEY"):
            ws.process()
        assert ws.store("acme").recurring_tasks()  # which can be read all the same

    assert ledger(used) == before


def served_by_a_model(path):
    return wsq.open(path, provider=Model([finish()], name="claude"))


def test_a_scheduler_that_refuses_every_pass_is_said_so_everywhere_until_one_succeeds(used):
    refused(process(), *MISSING)
    refused(process(), *MISSING)

    with served_by_a_model(used) as ws:
        assert not ws.scheduler().missed
        (alert,) = [each for each in ws.alerts() if each.kind == "no_credentials"]
        assert (alert.level, alert.sentence) == ("problem", ws.blocked_reason())
        assert re.match(
            r"The scheduler on \S+ refuses every pass\. This workspace uses a model of claude", alert.sentence
        )
        assert Hub(ws).opening()["header"]["blocked"] == alert.sentence

        ws.process()
        assert ws.blocked_reason() is None
        assert "no_credentials" not in [each.kind for each in ws.alerts()]
        assert Hub(ws).opening()["header"]["blocked"] is None


def test_one_pass_by_hand_without_credentials_is_no_alarm_where_the_scheduler_has_them(used):
    with served_by_a_model(used) as ws:
        ws.process()
        refused(process(), *MISSING)

        assert ws.blocked_reason() is None
        assert "no_credentials" not in [each.kind for each in ws.alerts()]


def test_pages_and_commands_say_whether_nothing_runs_or_only_they_cannot(used):
    said = command("list", "--store", "acme", "--json")
    assert_a_sentence(said.err, "wsq: This workspace uses a model of claude", "nothing runs", "Set one of them")
    assert len(json.loads(said.out)) == 1
    assert command("doctor").out.count("nothing runs") == 2  # the scheduler, and the provider

    with served_by_a_model(used) as ws:
        ws.process()

    with wsq.open(used) as ws:
        assert not ws.can_run
        assert Hub(ws).opening()["header"]["blocked"] == ws.blocked_reason()
        assert "Run now and dry runs are refused. Scheduled runs go on" in ws.blocked_reason()
        assert ws.alerts() == []


def test_a_provider_that_is_given_needs_no_credentials(used):
    with wsq.open(used, clock=ManualClock(LATER), provider=Model([finish()], name="claude")) as ws:
        assert ws.process().completed == 2


def test_a_demo_is_served_offline_whatever_was_used_there_before(used):
    with wsq.open(used, clock=ManualClock(LATER)) as ws:
        ws.mark_as_demo()

        assert ws.process().completed == 2
