"""Rebuilding equals what stands, after any history; a row that was changed by hand is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wsq
from tests.conftest import NOON
from tests.rings import count
from tests.store.histories import History, unruly
from wsq.clock import ManualClock
from wsq.projections import TABLES
from wsq.store.log import stored_world

STEPS = 40


def lived(folder: Path, seed: int, steps: int = STEPS) -> tuple[wsq.Workspace, ManualClock]:
    """A workspace with a history of its own."""
    chance, clock = random.Random(seed), ManualClock(NOON)
    ws = wsq.open(folder / f"{seed}.duckdb", clock=clock, provider=unruly(chance), actor="ada")
    History(ws, clock, chance).live(steps)
    return ws, clock


@settings(max_examples=count(3, 20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_rebuilding_gives_the_tables_that_stand_after_any_history(
    tmp_path_factory: Callable[..., object], seed: int
) -> None:
    # Given a workspace with some history
    ws, _ = lived(tmp_path_factory.mktemp("history"), seed)  # type: ignore[attr-defined]  # pytest's factory
    with ws:
        before = ws._log.read(stored_world)
        assert ws.verify() == []

        # When it is rebuilt
        events = ws.rebuild()

        # Then every table is as it was
        assert events > 0
        assert ws._log.read(stored_world) == before
        assert ws.verify() == []


def test_the_store_as_of_any_event_is_the_fold_up_to_it(tmp_path: Path) -> None:
    # Given a history, and what its tasks were after each of some commands
    clock = ManualClock(NOON)
    with wsq.open(tmp_path / "past.duckdb", clock=clock) as ws:
        store, chance = ws.store("acme"), random.Random(7)
        seen = []
        for n in range(8):
            clock.advance(timedelta(seconds=1))
            store.create_task(f"Task {n}")
            store.move_task(chance.choice(store.tasks()).id, status="doing", position=0)
            seen.append((store.events()[-1].seq, clock.now(), store.tasks()))

        # When one looks back, by event and by instant
        for seq, instant, tasks in seen:
            # Then the board is as it was, and the tasks of later are not there
            assert store.as_of(seq).tasks() == tasks
            assert store.as_of(instant).tasks() == tasks
        assert store.as_of(seen[3][0]).events() == store.events()[: seen[3][0]]


def test_a_row_changed_by_hand_is_found_and_named(tmp_path: Path) -> None:
    # Given a workspace
    place = tmp_path / "w.duckdb"
    with wsq.open(place) as ws:
        task = ws.store("acme").create_task("As it should be")
        other = ws.store("acme").create_task("Soon gone")

    # When somebody changes a row, deletes one and slips one in behind its back
    with duckdb.connect(str(place)) as by_hand:
        by_hand.execute("UPDATE tasks SET title = 'Changed' WHERE id = ?", [task.id])
        by_hand.execute("DELETE FROM tasks WHERE id = ?", [other.id])
        by_hand.execute("INSERT INTO processed_task_executions VALUES ('t', '2026-01-01 00:00:00+00', 's', now())")

    # Then it is told which they are, and what the log says
    with wsq.open(place) as ws:
        told = sorted(map(str, ws.verify()))
        assert len(told) == 3
        assert "processed_task_executions t" in told[0]
        assert "the log knows of none" in told[0]
        assert f"tasks {task.id}: title is 'Changed', the log says 'As it should be'." in told
        assert f"tasks {other.id}: the row is missing." in told

        # And a rebuild makes it good
        ws.rebuild()
        assert ws.verify() == []
        assert ws.store("acme").task(task.id).title == "As it should be"


def test_every_projection_is_a_table_with_its_rows_fields(ws: wsq.Workspace) -> None:
    for name, table in TABLES.items():
        columns = list(ws.sql(f"select * from {name} limit 0").columns)
        assert [c for c in columns if c not in table.counted] == list(table.columns)
