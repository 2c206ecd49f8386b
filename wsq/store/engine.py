"""The port: what a database must do for wsq, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wsq.clock import Clock

if TYPE_CHECKING:
    import pandas as pd

Parameters = Sequence[Any]
Scope = frozenset[str] | None
"""The stores that something concerns; None when it may concern anything."""


class Cursor(Protocol):
    """One conversation with the database, inside a read or a transaction."""

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement; parameters are ``$1``, ``$2``, …; instants come as UTC."""
        ...


class ReadingCursor(Cursor, Protocol):
    """A cursor through which many rows can be had."""

    def batches(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of one statement, `size` at a time; nothing else is asked meanwhile."""
        ...


class LoadingCursor(Cursor, Protocol):
    """A cursor through which many rows can be brought in at once."""

    def post(self, sql: str, parameters: Parameters = ()) -> None:
        """Have a statement run whose rows nobody needs; one that fails may be told by a later one, or the commit."""
        ...

    def load(self, table: str, kinds: dict[str, str], columns: Sequence[Sequence[Any]]) -> None:
        """Insert many rows at once, given as columns; `kinds` are their names and SQL types."""
        ...


class WritingCursor(LoadingCursor, ReadingCursor, Protocol):
    """A cursor inside a transaction."""

    @property
    def undisturbed(self) -> bool:
        """Whether nobody else has written since this engine last committed with the same scope."""
        ...


class Writing(Protocol):
    """The workspace, had for one transaction or for several in a row."""

    def transaction(self, scope: Scope = None) -> AbstractContextManager[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises.

        `scope` names the stores that alone are written to; others may then be written to at the same time, where
        the engine can.
        """
        ...

    def is_wanted(self) -> bool:
        """Whether somebody else waits for the workspace, who would have it sooner if it were given back."""
        ...


class Schema(Protocol):
    """What stands in the database, by version."""

    version: int

    def create(self, cursor: Cursor) -> None:
        """Make all of it in an empty database."""
        ...

    def upgrade(self, cursor: WritingCursor, version: int) -> None:
        """Bring what stands at an older `version` to this one."""
        ...


class Console(Protocol):
    """Where people ask in SQL of their own, and can only read."""

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The rows of one statement that reads; `InvalidInput` when it is another one, or cannot be answered."""
        ...


class Charge(Protocol):
    """A note that all processes of a workspace share, while one has charge of it."""

    def read(self) -> bytes | None:
        """What it says; None when there is none."""
        ...

    def write(self, note: bytes, *, anew: bool = False) -> None:
        """Replace what it says, whole or not at all; when it says that already, nothing is written but `anew`."""
        ...


class Engine(Protocol):
    """A place where a workspace is kept, usable by many processes and threads at once."""

    place: str
    """What the user calls it: a path or a URL without its password."""

    is_server: bool
    """Whether a read keeps nobody waiting, and so may take long; it understands SQL that both databases do, and of
    DuckDB's own what `study` is for."""

    def clock(self) -> Clock:
        """The clock by which the workspace goes unless another one is given."""
        ...

    def read(self) -> AbstractContextManager[Cursor]:
        """A consistent view for one short question; writes are refused."""
        ...

    def writing(self) -> AbstractContextManager[Writing]:
        """Have the workspace for writing; after a transaction that failed it is to be given back."""
        ...

    def snapshot(self) -> AbstractContextManager[Path]:
        """A private copy of the database file as it is now, for what takes long; gone afterwards."""
        ...

    def console(self) -> Console:
        """Where people ask in SQL of their own."""
        ...

    def backup(self, target: Path) -> None:
        """A copy that can be opened as a workspace; refuses to overwrite."""
        ...

    def scrub(self) -> None:
        """Keep no bytes of what was changed or deleted, neither in the database nor in private copies of it."""
        ...

    def changes(self) -> int:
        """A number that has risen when anybody has written; asking costs next to nothing."""
        ...

    def written_by_others(self) -> object:
        """What is no longer equal to itself when anybody but this engine has written; it may differ without that."""
        ...

    def note_pass(self, note: bytes) -> None:
        """Leave a heartbeat beside the log; the newest some twenty are kept."""
        ...

    def passes(self) -> list[bytes]:
        """The heartbeats that are kept, oldest first."""
        ...

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Say how far an execution is, in the place of what was said before; None takes it away.

        It is never the record: it costs no transaction, and may be lost.
        """
        ...

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """How far these executions are; those of which nothing is said are left out."""
        ...

    def shared_note(self, name: str) -> AbstractContextManager[Charge | None]:
        """Have charge of a note beside the log that all processes share; None when another one has."""
        ...

    def study(self) -> AbstractContextManager[ReadingCursor]:
        """Like `read`, on a private copy: for questions that take longer than a lease may be held."""
        ...

    def close(self) -> None:
        """Give everything back; using the engine afterwards raises `WorkspaceError`."""
        ...
