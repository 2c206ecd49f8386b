"""Cards on the board: lanes, places, and moving between them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wsq
from tests.domain.worlds import nothing_written, refused

LANES = ("todo", "doing", "in_review", "done")


def titles(store, lane):
    """The titles of a lane in order; their places must be 0, 1, 2, …"""
    rows = store.tasks(status=lane)
    assert [row.position for row in rows] == list(range(len(rows)))
    return [row.title for row in rows]


def test_a_task_is_put_at_the_end_of_its_lane(acme):
    first = acme.create_task(" Write copy ", description="d", assignees=["Ada", " Bob ", "Ada"])
    second = acme.create_task("Review it")
    elsewhere = acme.create_task("Send it", status="doing")

    assert (first.title, first.description, first.status) == ("Write copy", "d", "todo")
    assert (first.assignees, first.project_id, first.created_by_execution_id) == (("Ada", "Bob"), None, None)
    assert (first.position, second.position, elsewhere.position) == (0, 1, 0)
    assert (first.version, first.archived_at, first.store_id) == (1, None, "acme")
    assert acme.tasks() == [first, second, elsewhere]


def test_tasks_come_by_lane_and_place_and_can_be_asked_for_by_project_and_lane(acme):
    project = acme.create_project("Launch")
    for title, status, where in (
        ("d", "done", None), ("a", "todo", None), ("b", "todo", project.id), ("c", "in_review", project.id),
    ):  # fmt: skip
        acme.create_task(title, status=status, project_id=where)

    assert [row.title for row in acme.tasks()] == ["a", "b", "c", "d"]
    assert [row.title for row in acme.tasks(project.id)] == ["b", "c"]
    assert [row.title for row in acme.tasks(project.id, "todo")] == ["b"]
    assert acme.tasks(project.id, "todo")[0].position == 1, "places are counted in the store's lane"
    with pytest.raises(wsq.InvalidInput):
        acme.tasks(status="nowhere")


def test_moving_without_a_position_goes_to_the_end_of_another_lane_and_stays_in_its_own(acme):
    a, b = acme.create_task("a"), acme.create_task("b")
    acme.create_task("c", status="doing")

    assert acme.move_task(a.id, status="doing").position == 1
    with nothing_written(acme):
        assert acme.move_task(b.id, status="todo").position == 0
        assert acme.move_task(b.id).version == 1
        assert acme.move_task(b.id, position=0).version == 1


def test_a_position_beyond_the_end_is_the_end(acme):
    a = acme.create_task("a")
    acme.create_task("b")

    assert acme.move_task(a.id, position=99).position == 1
    assert titles(acme, "todo") == ["b", "a"]


@pytest.mark.parametrize("wish", [
    {"position": -1}, {"position": True}, {"position": 1.5}, {"position": "0"}, {"position": 2**31},
    {"status": "nowhere"}, {"status": ""}, {"status": "Done"}, {"status": 5},
])  # fmt: skip
def test_what_is_no_place_is_refused(acme, wish):
    task = acme.create_task("a")

    with refused(acme, wsq.InvalidInput):
        acme.move_task(task.id, **wish)


@pytest.mark.parametrize("wish", [
    {"status": "nowhere"}, {"assignees": "Ada"}, {"assignees": [""]}, {"assignees": [5]}, {"assignees": ["x" * 201]},
    {"assignees": [f"n{n}" for n in range(51)]},
])  # fmt: skip
def test_what_is_no_task_is_refused(acme, wish):
    acme.create_project("Launch")

    with refused(acme, wsq.InvalidInput):
        acme.create_task("a", **wish)


def test_a_task_can_change_its_project_and_leave_it(acme):
    project = acme.create_project("Launch")
    task = acme.create_task("a", assignees=["Ada"])

    assert acme.move_task(task.id, project_id=project.id).project_id == project.id
    assert acme.move_task(task.id, project_id=None).project_id is None
    assert acme.update_task(task.id, project_id=project.id).project_id == project.id
    cleared = acme.update_task(task.id, project_id=None, assignees=None)
    assert (cleared.project_id, cleared.assignees, cleared.position) == (None, (), 0)
    with refused(acme, wsq.NotFound):
        acme.move_task(task.id, project_id="nope")


def test_a_move_expects_a_version_too(acme):
    task = acme.create_task("a")
    acme.update_task(task.id, title="b")

    with refused(acme, wsq.Conflict):
        acme.move_task(task.id, status="done", expected_version=1)


def test_a_move_raises_the_version_of_the_moved_task_alone(acme):
    a, b, c = (acme.create_task(title) for title in "abc")

    moved = acme.move_task(c.id, position=0)

    assert (moved.version, acme.task(a.id).version, acme.task(b.id).version) == (2, 1, 1)
    assert (acme.task(a.id).position, acme.task(b.id).position) == (1, 2)


def test_an_archived_task_has_no_place_and_comes_back_at_the_end(acme):
    a = acme.create_task("a")
    acme.create_task("b")

    archived = acme.archive_task(a.id)
    assert isinstance(archived.archived_at, datetime)
    assert titles(acme, "todo") == ["b"]
    assert {row.title for row in acme.tasks(include_archived=True)} == {"a", "b"}
    assert acme.task(a.id) == archived

    assert acme.unarchive_task(a.id).position == 1
    assert titles(acme, "todo") == ["b", "a"]


def test_a_task_between_two_others_can_be_placed_there_again_and_again(acme):
    for title in "abc":
        acme.create_task(title)
    expected = list("abc")

    for turn in range(60):
        last = acme.tasks(status="todo")[-1]
        assert acme.move_task(last.id, position=1).position == 1, turn
        expected.insert(1, expected.pop())

    assert titles(acme, "todo") == expected


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from(LANES)),
        st.tuples(st.just("move"), st.integers(0, 30), st.sampled_from((*LANES, None)), st.none() | st.integers(0, 8)),
        st.tuples(st.just("archive"), st.integers(0, 30)),
        st.tuples(st.just("unarchive"), st.integers(0, 30)),
    ),
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_the_lanes_are_lists_whatever_is_done_to_them(ws, moves):
    store = ws.store(f"s{len(ws.stores())}")
    store.create_project("so that the store is there")
    lanes: dict[str, list[str]] = {lane: [] for lane in LANES}
    put_away: dict[str, str] = {}
    made: list[str] = []

    for kind, *how in moves:
        if kind == "create":
            task = store.create_task(f"t{len(made)}", status=how[0])
            made.append(task.id)
            lanes[how[0]].append(task.id)
        elif made:
            task_id = made[how[0] % len(made)]
            if kind == "move":
                _move(store, lanes, put_away, task_id, *how[1:])
            elif kind == "archive":
                _archive(store, lanes, put_away, task_id)
            elif task_id in put_away:
                lanes[put_away.pop(task_id)].append(task_id)
                store.unarchive_task(task_id)

    rows = store.tasks()
    assert [(row.id, row.status, row.position) for row in rows] == [
        (task_id, lane, place) for lane in LANES for place, task_id in enumerate(lanes[lane])
    ]
    assert [store.task(row.id) for row in rows] == rows


def _move(store, lanes, put_away, task_id, lane, place):
    row = store.move_task(task_id, status=lane, position=place)
    if task_id in put_away:
        put_away[task_id] = lane or put_away[task_id]
        return
    here = next(each for each in LANES if task_id in lanes[each])
    if lane in (None, here) and place is None:
        return
    lanes[here].remove(task_id)
    there = lanes[lane or here]
    there.insert(len(there) if place is None else place, task_id)
    assert row.position == there.index(task_id)


def _archive(store, lanes, put_away, task_id):
    store.archive_task(task_id)
    for lane in LANES:
        if task_id in lanes[lane]:
            lanes[lane].remove(task_id)
            put_away[task_id] = lane
