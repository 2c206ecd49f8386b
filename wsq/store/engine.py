"""The engine interface: what wsq needs from a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wsq.clock import Clock
from wsq.files import Files

if TYPE_CHECKING:
    import pandas as pd

Parameters = Sequence[Any]
Scope = frozenset[str] | None
"""Ids of the stores concerned; None for all."""


class Cursor(Protocol):
    """Runs statements inside a read or a transaction."""

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement; parameters are ``$1``, ``$2``, …; instants are in UTC."""


class ReadingCursor(Cursor, Protocol):
    """A cursor that can stream many rows."""

    def batches(self, sql: str, size: int, parameters: Parameters = ()) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of one statement, `size` at a time. Run no other statement meanwhile."""


class LoadingCursor(Cursor, Protocol):
    """A cursor that can insert many rows at once."""

    def post(self, sql: str, parameters: Parameters = ()) -> None:
        """Run a statement whose rows are not needed. A failure may only surface in a later statement or the commit."""

    def load(self, table: str, kinds: dict[str, str], columns: Sequence[Sequence[Any]]) -> None:
        """Insert many rows, given as columns; `kinds` maps column names to SQL types."""


class WritingCursor(LoadingCursor, ReadingCursor, Protocol):
    """A cursor inside a transaction."""

    @property
    def undisturbed(self) -> bool:
        """Whether nobody else has written since this engine last committed with the same scope."""


class Writing(Protocol):
    """Write access to the workspace for one or more consecutive transactions."""

    def transaction(self, scope: Scope = None) -> AbstractContextManager[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises.

        `scope` limits the stores that are written to; where the engine supports it, others can be written to
        concurrently.
        """

    def is_wanted(self) -> bool:
        """Whether another writer is waiting for the workspace."""


class Schema(Protocol):
    """The database schema, by version."""

    version: int

    def create(self, cursor: Cursor) -> None:
        """Create everything in an empty database."""

    def upgrade(self, cursor: WritingCursor, version: int) -> None:
        """Upgrade from an older `version` to this one."""

    def inconsistency(self, cursor: Cursor) -> str | None:
        """Return why wsq alone cannot have written this content, None if it can. It may be of an older version."""


class Console(Protocol):
    """Read-only SQL for people."""

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows of one reading statement. Raises `InvalidInput` for other or invalid statements."""


class LockedNote(Protocol):
    """A note that all processes of a workspace share, locked by this one."""

    def read(self) -> bytes | None:
        """Return its content; None if there is none."""

    def write(self, note: bytes, *, force: bool = False) -> None:
        """Replace the content atomically. Without `force`, unchanged content is not written again."""


class Engine(Protocol):
    """Stores one workspace; usable by many processes and threads at once."""

    place: str
    """How the user names it: a path, or a URL without its password."""

    files: Files
    """Creates the files that belong to the workspace."""

    is_server: bool
    """Whether reads block nobody and so may take long. A server accepts only SQL that both databases share;
    DuckDB's own SQL needs `snapshot`."""

    def clock(self) -> Clock:
        """Return the workspace's default clock."""

    def read(self) -> AbstractContextManager[ReadingCursor]:
        """A consistent view for one short query; writes are refused."""

    def writing(self) -> AbstractContextManager[Writing]:
        """Acquire write access. Release it after a failed transaction."""

    def snapshot_file(self) -> AbstractContextManager[Path]:
        """A private copy of the database as a DuckDB file, for long reads; deleted afterwards."""

    def console(self) -> Console:
        """Return the console for read-only SQL."""

    def backup(self, target: Path) -> None:
        """Write a copy that can be opened as a workspace. Never overwrites."""

    def scrub(self) -> None:
        """Physically remove changed and deleted data from the database and its private copies."""

    def changes(self) -> int:
        """Return a number that rises with every write; cheap."""

    def written_by_others(self) -> object:
        """Return a value that changes when another engine writes; it may also change without that."""

    def note_pass(self, note: bytes) -> None:
        """Add a heartbeat; the newest twenty or so are kept."""

    def passes(self) -> list[bytes]:
        """Return the kept heartbeats, oldest first."""

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Replace the progress note of an execution; None removes it.

        A note needs no transaction and may be lost.
        """

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the progress notes of these executions; those without one are left out."""

    def shared_note(self, name: str) -> AbstractContextManager[LockedNote | None]:
        """Lock a note that all processes share; gives None if another one holds it."""

    def snapshot(self) -> AbstractContextManager[ReadingCursor]:
        """Like `read`, on a private copy: for queries that take longer than a lease may be held."""

    def close(self) -> None:
        """Release everything. Later use raises `WorkspaceError`."""
