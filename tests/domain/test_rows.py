"""Rows: frozen values that show themselves in a notebook and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

import wsq
from wsq.runner.report import as_json, to_plain

HOSTILE = "<script>alert('x')</script> & \"quotes\""

FIELDS = {
    wsq.RecurringTask: "id store_id name description prompt interval_value interval_unit interval_hours starting"
    " timezone project_id assignees model missed budget_per_day time_limit skip_unchanged enabled disabled_reason"
    " failures_in_row next_execution_at last_executed_at created_at updated_at version",
    wsq.Execution: "id store_id recurring_task_id status trigger scheduled_for first_slot slots started_at"
    " completed_at duration attempts takeovers verdict reason output error created_task_ids model input_tokens"
    " output_tokens cache_read_tokens cache_write_tokens cost_usd",
    wsq.Task: "id store_id project_id title description status position assignees created_at updated_at archived_at"
    " created_by_execution_id version",
    wsq.ProcessReport: "started_at finished_at stores due completed failed skipped resumed executions would_run",
}
"""The fields that must be there."""


@pytest.fixture
def rows(acme):
    """One row of every kind, with hostile texts in it."""
    project = acme.create_project(HOSTILE, description=HOSTILE)
    task = acme.create_recurring_task(HOSTILE, HOSTILE, every="1 hour", assignees=[HOSTILE])
    return [
        acme.row(), project, acme.create_contact(HOSTILE, notes=HOSTILE), acme.create_document(HOSTILE, HOSTILE),
        acme.create_task(HOSTILE, assignees=[HOSTILE], project_id=project.id), task, acme.run_now(task.id),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", FIELDS)
def test_the_fields_that_people_rely_on_are_there(kind):
    assert set(FIELDS[kind].split()) <= set(kind.__struct_fields__)


def test_a_row_cannot_be_changed(rows):
    for row in rows:
        with pytest.raises(AttributeError):
            row.version = 7
        with pytest.raises(AttributeError):
            del row.id


def test_two_rows_are_equal_when_all_their_fields_are(acme, rows):
    project = rows[1]

    assert acme.project(project.id) == project
    assert acme.project(project.id) is not project
    assert hash(acme.project(project.id)) == hash(project)
    assert acme.update_project(project.id, name="x") != project


def test_a_row_shows_itself_in_a_notebook_with_everything_escaped(rows):
    for row in rows:
        shown = row._repr_html_()
        assert "<script" not in shown
        assert "alert('x')" not in shown
        assert shown.count("<table>") == shown.count("</table>") == 1
        if not isinstance(row, wsq.Execution):
            assert "&lt;script&gt;" in shown or type(row).__name__ == "StoreRow"
        assert shown == row._repr_html_(), "the same each time"


def test_instants_are_aware_and_durations_are_timedeltas(rows):
    execution = rows[-1]

    assert execution.started_at.tzinfo is not None
    assert isinstance(execution.duration, timedelta)
    for row in rows:
        for value in row.as_dict().values():
            assert not isinstance(value, datetime) or value.utcoffset() == timedelta()


def test_every_row_is_json_with_durations_in_seconds_and_instants_with_offset(rows):
    for row in rows:
        plain = json.loads(as_json(row))
        assert list(plain) == list(row.__struct_fields__)
        for name in plain:
            given = getattr(row, name)
            if isinstance(given, datetime):
                assert datetime.fromisoformat(plain[name]) == given
            elif isinstance(given, timedelta):
                assert plain[name] == given.total_seconds()
            else:
                assert plain[name] == (list(given) if isinstance(given, tuple) else given)


def test_a_report_is_one_json_object_on_one_line(ws, acme, clock):
    acme.create_recurring_task("Line\nbreak", "Create a task called 'x'", every="1 hour")
    clock.advance(timedelta(hours=1))

    text = ws.process().to_json()

    plain = json.loads(text)
    assert "\n" not in text
    assert set(FIELDS[wsq.ProcessReport].split()) <= plain.keys()
    (execution,) = plain["executions"]
    assert (execution["duration"], execution["cost_usd"], execution["slots"]) == (0.0, None, 1)
    assert isinstance(execution["created_task_ids"], list)
    assert execution["scheduled_for"] == "2026-03-02T13:00:00Z"
    assert plain["would_run"] == []


def test_plain_values_go_through_nested_lists_and_mappings():
    class Pair(msgspec.Struct):
        at: datetime
        took: list[timedelta]

    pair = Pair(at=datetime(2026, 1, 1, tzinfo=UTC), took=[timedelta(seconds=1.5)])

    assert to_plain({"a": (pair,)}) == {"a": [{"at": "2026-01-01T00:00:00Z", "took": [1.5]}]}
