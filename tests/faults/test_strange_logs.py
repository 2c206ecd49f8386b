"""A log that this wsq cannot read, or that somebody has written by hand: told in a sentence, and nothing is lost."""

from __future__ import annotations

import json

import pytest

import wsq
from tests.commands import side_by_side
from tests.faults.commands import DUE, assert_a_sentence, at, by_hand, command, ledger, refused, rows

FROM_THE_FUTURE = """INSERT INTO events
    SELECT store_id, seq + 1, 'future', 'task.teleport', 1, '{}', 'eve', NULL, recorded_at
    FROM events WHERE store_id = 'umbrella' ORDER BY seq DESC LIMIT 1"""
COUNT_IT = "UPDATE heads SET seq = seq + 1 WHERE store_id = 'umbrella'"
SLIPPED_IN = FROM_THE_FUTURE.replace("task.teleport", "project.create")


@pytest.fixture
def future(team):
    """The team's workspace after a newer wsq has written into the store umbrella: event 3 is a ``task.teleport``."""
    by_hand(team, FROM_THE_FUTURE, COUNT_IT)
    return team


def of_store(path, store):
    """The slots, events and claims of a store."""
    return (
        rows(path, f"SELECT next_execution_at FROM recurring_tasks WHERE store_id = '{store}'"),
        rows(path, f"SELECT seq, name FROM events WHERE store_id = '{store}' ORDER BY seq"),
        rows(path, f"SELECT count(*) FROM processed_task_executions WHERE store_id = '{store}'"),
    )


# An event that this wsq does not know


def test_a_store_with_an_unknown_event_spends_no_slot_and_hides_no_other_store(future):
    before = of_store(future, "umbrella")

    said = at(DUE)

    assert said.status == 2
    assert "acme  Tick 1  completed" in said.out
    assert "umbrella" not in said.out
    assert_a_sentence(said.err, "umbrella", "event 3", "task.teleport")
    assert of_store(future, "umbrella") == before
    assert of_store(future, "acme")[2] == [(1,)]


def test_the_report_tells_in_json_which_store_was_not_served(future):
    said = at(DUE, "--json")

    report = json.loads(said.out)
    assert said.status == 2
    assert [each["store_id"] for each in report["executions"]] == ["acme"]
    assert list(report["unserved"]) == ["umbrella"]
    assert_a_sentence(said.err, "umbrella", "task.teleport")


def test_a_dry_run_tells_of_it_too_and_writes_nothing(future):
    before = ledger(future)

    said = at(DUE, "--dry-run")

    assert said.status == 2
    assert "acme  Tick 1  would run" in said.out
    assert_a_sentence(said.err, "umbrella", "task.teleport")
    assert ledger(future) == before


@pytest.mark.parametrize("name", ["verify", "rebuild"])
def test_what_reads_the_whole_log_is_refused_and_changes_nothing(future, name):
    before = ledger(future)

    refused(command(name), "umbrella", "event 3", "task.teleport")

    assert ledger(future) == before


def test_what_stands_on_the_board_can_be_listed_all_the_same(future):
    said = command("list", "--store", "umbrella")

    assert (said.status, said.err) == (0, "")
    assert "Tick 1" in said.out


def test_looking_back_is_refused_from_the_unknown_event_on_and_not_before(future):
    with wsq.open(future) as ws:
        store = ws.store("umbrella")
        assert [task.name for task in store.as_of(2).recurring_tasks()] == ["Tick 1"]
        for point in (3, DUE):
            with pytest.raises(wsq.WsqError, match=r"^Store 'umbrella', event 3: .*'task.teleport'.*\.$"):
                store.as_of(point)


def test_an_event_whose_fields_are_damaged_is_named(team):
    by_hand(team, """UPDATE events SET args = '{"name":' WHERE store_id = 'umbrella' AND seq = 2""")

    refused(command("verify"), "umbrella", "event 2", "recurring_task.create")


# An event that was appended by hand, past the head


def test_an_event_past_the_head_is_told_by_the_next_command_and_nothing_is_lost(team):
    by_hand(team, SLIPPED_IN)
    before = ledger(team)

    said = command("add", "New", "--prompt", "P", "--every", "1 day", "--store", "umbrella")

    refused(said, "umbrella", "event 3", "by hand", "wsq verify")
    assert ledger(team) == before
    assert command("add", "New", "--prompt", "P", "--every", "1 day", "--store", "acme").status == 0


def test_a_store_with_an_event_past_its_head_spends_no_slot_and_hides_no_other_store(team):
    by_hand(team, SLIPPED_IN)
    before = of_store(team, "umbrella")

    said = at(DUE, "--json")

    report = json.loads(said.out)
    assert said.status == 2
    assert [(each["store_id"], each["status"]) for each in report["executions"]] == [("acme", "completed")]
    assert list(report["unserved"]) == ["umbrella"]
    assert_a_sentence(said.err, "umbrella", "event 3", "by hand")
    assert of_store(team, "umbrella") == before

    by_hand(team, "DELETE FROM events WHERE event_id = 'future'")
    assert at(DUE).status == 0
    assert of_store(team, "umbrella")[2] == [(1,)]


def test_verify_counts_an_event_past_the_head_as_a_difference(team):
    by_hand(team, SLIPPED_IN.replace("'{}'", """'{"project_id":"p","name":"Slipped in","description":""}'"""))

    said = command("verify")

    assert said.status == 1
    assert "heads umbrella" in said.out


# A table that somebody has dropped


def test_a_dropped_projection_is_told_with_what_repairs_it(team):
    by_hand(team, "DROP TABLE recurring_tasks", "DROP TABLE processed_task_executions")

    said = at(DUE)

    assert said.status == 2
    assert "has no table 'recurring_tasks'" in said.err
    assert "`wsq rebuild`" in said.err
    assert "Traceback" not in said.err

    assert command("rebuild").status == 0
    before = ledger(team)
    assert (before.events, before.claims) == (4, 0)
    with wsq.open(team) as ws:
        assert ws.verify() == []
        assert ws.process(DUE).completed == 2


def test_a_dropped_projection_does_not_hide_what_is_wrong_from_verify_and_the_doctor(team):
    by_hand(team, "DROP TABLE tasks")

    verified, examined = side_by_side(lambda: command("verify"), lambda: command("doctor"))

    refused(verified, "has no table 'tasks'", "`wsq rebuild`")
    assert examined.status == 1
    assert "`wsq rebuild`" in examined.out


def test_where_a_table_was_dropped_no_slot_is_spent_and_each_runs_once_it_is_there_again(team):
    by_hand(team, "DROP TABLE tasks")

    said = at(DUE)

    assert said.status == 2
    assert "has no table 'tasks'" in said.err
    assert "Traceback" not in said.err
    assert rows(team, "SELECT count(*) FROM processed_task_executions") == [(0,)]

    assert command("rebuild").status == 0
    later = DUE.replace(minute=DUE.minute + 2)
    assert at(later).status == 0
    ran = rows(team, "SELECT status, slots FROM task_executions")
    assert ran == [("completed", 3)] * 2  # one late execution answers for the slots of 12:01, 12:02 and 12:03
    pings = "SELECT count(DISTINCT created_by_execution_id), count(*) FROM tasks WHERE title = 'Ping'"
    assert rows(team, pings) == [(2, 2)]


def test_a_dropped_log_is_told_as_damage(team):
    by_hand(team, "DROP TABLE events")

    for said in side_by_side(
        lambda: command("verify"), lambda: command("add", "New", "--prompt", "P", "--every", "1 day")
    ):
        refused(said, "is damaged", "the table 'events' is missing and cannot be rebuilt. It was not changed.")
