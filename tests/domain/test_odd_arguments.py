"""Arguments of odd types: every public method works with them or raises a `WsqError`, and the log can still be read."""

from __future__ import annotations

import enum
import inspect
import itertools
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import wsq
from tests.conftest import NOON
from tests.rings import count
from wsq.agent.providers import ScriptedProvider, finish
from wsq.api.past import PastStore


class Colour(enum.Enum):
    """Neither a text nor a number."""

    RED = "todo"


class Lane(enum.StrEnum):
    """A text."""

    TODO = "todo"


class Place(enum.IntEnum):
    """A number."""

    FIRST = 1


class Hostile:
    """Refuses whatever is done with it."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("no")

    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __index__ = __float__ = _refuse


class NoZone(tzinfo):
    """A zone without rules."""


ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "10**5000": lambda: 10**5000,
    "1.5": lambda: 1.5,
    "1e308": lambda: 1e308,
    "inf": lambda: float("inf"),
    "nan": lambda: float("nan"),
    "Decimal": lambda: Decimal("1e999"),
    "Fraction": lambda: Fraction(1, 3),
    "complex": lambda: 1j,
    "empty": lambda: "",
    "spaces": lambda: " \n\t ",
    "NUL": lambda: "a\0b",
    "surrogate": lambda: "a\ud800b",
    "emoji": lambda: "🚀" * 100,
    "long": lambda: "x" * 1_100_000,
    "bytes": lambda: b"todo",
    "bytearray": lambda: bytearray(b"todo"),
    "memoryview": lambda: memoryview(b"todo"),
    "Enum": lambda: Colour.RED,
    "StrEnum": lambda: Lane.TODO,
    "IntEnum": lambda: Place.FIRST,
    "a class": lambda: Colour,
    "object": object,
    "function": lambda: lambda: None,
    "generator": lambda: (each for each in ("a", "b")),
    "list": lambda: ["a", 1, None],
    "tuple": lambda: ("a", "b"),
    "set": lambda: {"a"},
    "dict": lambda: {"a": 1},
    "deep": lambda: eval("[" * 80 + "]" * 80),
    "date": lambda: date(2026, 3, 2),
    "time": lambda: time(9, 0, tzinfo=UTC),
    "naive": lambda: datetime(2026, 3, 2),  # noqa: DTZ001 - that is the point
    "min": lambda: datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    "max": lambda: datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    "a zone without rules": lambda: datetime(2026, 3, 2, tzinfo=NoZone()),
    "timedelta": lambda: timedelta(hours=1),
    "timedelta.max": lambda: timedelta.max,
    "Path": lambda: Path("a"),
    "Timestamp": lambda: pd.Timestamp("2026-03-03T09:00:00.123456789", tz="Europe/Berlin"),
    "naive Timestamp": lambda: pd.Timestamp("2026-03-03"),
    "NaT": lambda: pd.NaT,
    "NA": lambda: pd.NA,
    "Timedelta": lambda: pd.Timedelta(hours=1),
    "Series": lambda: pd.Series(["a", "b"]),
    "DataFrame": lambda: pd.DataFrame({"a": [1]}),
    "str_": lambda: np.str_("todo"),
    "bytes_": lambda: np.bytes_(b"todo"),
    "int64": lambda: np.int64(1),
    "uint64": lambda: np.uint64(2**64 - 1),
    "float64": lambda: np.float64(1.5),
    "float32": lambda: np.float32("nan"),
    "bool_": lambda: np.bool_(True),
    "datetime64": lambda: np.datetime64("2026-03-03T09:00:00", "ns"),
    "timedelta64": lambda: np.timedelta64(1, "h"),
    "array": lambda: np.array(["a", "b"]),
    "numbers": lambda: np.arange(3),
    "no dimensions": lambda: np.array("todo"),
    "hostile": Hostile,
}
"""What is given in the place of each argument, one at a time."""
HAS_TO_BE_OUTSIDE = ("dry_run", "forget_contact", "forget_document", "run_now", "start_now", "together", "as_actor")
"""Methods of a store that cannot be called inside `together`."""

LEFT_OUT = ("close", "make_ready", "notify", "mark_as_demo")
"""Methods that take nothing, and end something."""

CALLED = ("work", "so_far", "on_end", "clock")
"""Arguments that are called: what can be called there, and is wrong, raises its own errors."""


class Undone(Exception):
    """Rolls back what was tried."""


class World:
    """A workspace with one of each, and what is tried in it."""

    def __init__(self, ws: wsq.Workspace, chance: random.Random) -> None:
        self.ws, self.chance = ws, chance
        self.acme = acme = ws.store("acme")
        project = acme.create_project("Launch")
        self.given: dict[str, Any] = {
            "project_id": project.id,
            "contact_id": acme.create_contact("Ada", email="ada@example.com", project_id=project.id).id,
            "document_id": acme.create_document("Brief", "Long", project_id=project.id).id,
            "task_id": acme.create_task("Write copy", project_id=project.id).id,
            "recurring_task_id": acme.create_recurring_task("Triage", "Look.", every="1 hour").id,
            "name": "Name", "title": "Title", "prompt": "Look.", "every": "2 hours", "text": "Long", "kind": "task",
            "point": 1, "since": 1, "instant": NOON, "until": NOON + timedelta(days=1), "actor": "bea", "ids": [],
            "execution_ids": [], "query": "SELECT 1", "session": "s", "other": ws, "work": lambda _: None,
            "store_id": "beta",
        }  # fmt: skip
        self.given["row_id"] = self.given["task_id"]
        self.given["last"] = acme.position()
        self.given["execution_id"] = acme.run_now(self.given["recurring_task_id"]).id
        self.past = acme.as_of(acme.head())

    def tries(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Each method with each odd value for each of its arguments: what is tried, and how."""
        for target in (self.ws, self.acme, self.past):
            for name, method in inspect.getmembers(type(target), inspect.isfunction):
                parameters = list(inspect.signature(method).parameters.values())[1:]
                if name.startswith("_") or name in LEFT_OUT:
                    continue
                for parameter, (odd, value) in itertools.product(parameters, ODD.items()):
                    if parameter.name in CALLED and odd in ("a class", "function", "NaT"):
                        continue
                    label = f"{type(target).__name__}.{name}({parameter.name}={odd})"
                    yield label, self._trying(target, name, parameters, parameter.name, value)

    def _trying(
        self, target: Any, name: str, parameters: list[inspect.Parameter], odd: str, value: Callable[[], Any]
    ) -> Callable[[], Any]:
        def given() -> dict[str, Any]:
            needed = {p.name: self._usual(target, name, p.name) for p in parameters if p.default is p.empty}
            return needed | {odd: value()}

        def undone(store: Any) -> None:
            result = getattr(store, name)(**given())
            store._tx.flush()
            assert_plain(result)
            raise Undone

        def inside() -> None:
            with pytest.raises(Undone):
                self.acme.together(undone)

        def outside() -> None:
            assert_plain(getattr(target, name)(**given()))

        return inside if target is self.acme and name not in HAS_TO_BE_OUTSIDE else outside

    def _usual(self, target: Any, name: str, parameter: str) -> Any:
        if name in ("backup", "export", "import_from", "repair"):
            return Path(tempfile.mkdtemp()) / "file"
        if parameter == "other" and isinstance(target, PastStore):
            return target
        return self.given[parameter]


def assert_plain(result: Any) -> None:
    """What a row holds is of Python's own types, not of the argument's."""
    for row in result if isinstance(result, list) else [result]:
        for name in getattr(row, "__struct_fields__", ()):
            field = getattr(row, name)
            for each in field if isinstance(field, list | tuple) else [field]:
                module = type(each).__module__
                assert module.partition(".")[0] in ("builtins", "datetime", "wsq", "zoneinfo"), (name, each)
                assert not isinstance(each, enum.Enum), (name, each)


def test_arguments_of_odd_types_work_or_raise_an_error_of_wsq(open_workspace: Callable[..., wsq.Workspace]) -> None:
    ws = open_workspace(provider=ScriptedProvider([finish()]))
    chance = random.Random(20)
    world = World(ws, chance)
    tries = list(world.tries())
    chosen = chance.sample(tries, count(120, 3_000))

    wrong = {}
    for label, trying in chosen:
        try:
            trying()
        except wsq.WsqError as error:
            if "\n" in str(error) or not str(error) or len(str(error)) > 600:
                wrong[label] = str(error)[:200]
        except Exception as error:  # noqa: BLE001 - all of them are shown at the end
            wrong[label] = f"{type(error).__name__}: {str(error)[:200]}"

    assert wrong == {}
    assert ws.verify() == []
    assert ws.unsettled() == []


@pytest.mark.file
def test_a_workspace_is_opened_with_odd_arguments_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tries = list(itertools.product(("database", "clock", "provider", "actor", "ids"), ODD.values()))
    for argument, value in random.Random(20).sample(tries, count(20, len(tries))):
        with suppress(wsq.WsqError):
            wsq.open(**{"database": tmp_path / "team.duckdb", argument: value()}).close()


def test_values_of_numpy_and_pandas_are_taken_as_what_they_show(acme, clock):
    # Given values as they come out of a data frame
    frame = pd.DataFrame({"name": ["Ada", "Bo"], "hours": [4, 6], "budget": [1.5, 2.5], "on": [True, False]})
    row = frame.iloc[0]
    later = pd.Timestamp(clock.now()).tz_convert("Europe/Berlin") + pd.Timedelta(hours=1)

    # When they are given to commands and questions
    project = acme.create_project(np.str_("Launch"))
    task = acme.create_recurring_task(
        row["name"], "Look.", every=pd.Timedelta(hours=row["hours"]), starting=later, budget_per_day=row["budget"],
        enabled=row["on"], assignees=frame["name"], project_id=np.array([project.id])[0], time_limit=np.float32(90),
    )  # fmt: skip
    acme.pause(until=later)

    # Then they mean what they show
    assert (task.name, task.interval_value) == ("Ada", 4)
    assert (task.starting, task.budget_per_day, task.enabled) == ("2026-03-02T14:00:00+01:00", 1.5, True)
    assert (task.assignees, task.project_id, task.time_limit) == (("Ada", "Bo"), project.id, timedelta(seconds=90))
    assert acme.row().paused_until == clock.now() + timedelta(hours=1)
    assert acme.create_task("One", status=Lane.TODO, assignees=[np.str_("Ada")]).status == "todo"
    acme.create_task("Two")
    assert acme.move_task(acme.tasks()[1].id, position=np.int64(0)).position == 0
    assert len(acme.executions(limit=np.int32(5))) == 0
    assert acme.as_of(np.int64(2)).seq == 2
    assert acme.as_of(pd.Timestamp(clock.now())).seq == acme.head()
    assert acme.workspace.sql("SELECT $1 + $2 AS n", np.array([1, 2])).n[0] == 3


REFUSED: tuple[tuple[Callable[[wsq.Store], object], str], ...] = (
    (lambda acme: acme.as_of(date(2026, 3, 2)), "The moment is datetime.date(2026, 3, 2), expected a datetime"),
    (lambda acme: acme.since(date(2026, 3, 2)), "datetime.date(2026, 3, 2) is not an instant"),
    (lambda acme: acme.pause(until=pd.NaT), "until is NaT, expected a datetime"),
    (lambda acme: acme.create_task(b"One"), "title is b'One', expected a text"),
    (lambda acme: acme.executions(limit=10**5000), "limit is <int>, expected at most 2147483647"),
    (lambda acme: acme.upcoming(every="1 day", count=501), "count is 501, expected at most 500"),
    (lambda acme: acme.tasks(include_archived="yes"), "include_archived is 'yes', expected True or False"),
    (lambda acme: acme.events(after=2**63), "after is 9223372036854775808, expected at most"),
    (lambda acme: acme.as_actor(5), "actor is 5, expected a text"),
    (lambda acme: acme.together("work"), "work is 'work', expected a function"),
    (lambda acme: acme.workspace.process(now=datetime.max.replace(tzinfo=UTC)), "is not an instant of the years"),
    (lambda acme: acme.workspace.sql("SELECT $1", [ODD["deep"]()]), "nested deeper than 20 levels"),
    (lambda acme: acme.workspace.sql("SELECT $1", "x"), "parameters is 'x', expected a list or a dictionary"),
    (lambda acme: acme.workspace.copy_to("there"), "other is 'there', expected a workspace"),
)
"""What no argument can mean, and what its refusal says."""


def test_what_cannot_be_meant_is_refused_with_what_was_expected(acme):
    acme.create_task("One")
    for trying, says in REFUSED:
        with pytest.raises(wsq.WsqError) as refused:
            trying(acme)
        assert says in str(refused.value)
