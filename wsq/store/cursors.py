"""What the cursors of all engines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, TypeVar

from wsq.errors import WorkspaceError
from wsq.store.engine import Scope, WritingCursor

C = TypeVar("C")


@contextmanager
def translating_errors(explained: Callable[[BaseException, str], BaseException], place: str) -> Iterator[None]:
    """Raise errors from the block as `explained` translates them for the workspace `place`."""
    try:
        yield
    except BaseException as error:
        translated = explained(error, place)
        if translated is error:
            raise
        raise translated from error


class CursorBase(Generic[C]):
    """A connection that is usable until its block ends. A failed statement invalidates the transaction."""

    def __init__(self, connection: C, place: str, explained: Callable[[BaseException, str], BaseException]) -> None:
        self._connection: C | None = connection
        self._place = place
        self._explained = explained
        self._failure: BaseException | None = None

    @contextmanager
    def _use(self) -> Iterator[C]:
        """Give the connection. Records a failure and translates it."""
        if self._connection is None:
            raise WorkspaceError(f"A cursor of {self._place} was used after its read or write had ended.")
        with translating_errors(self._explained, self._place):
            try:
                yield self._connection
            except BaseException as error:
                self._failure = error
                raise

    def raise_if_failed(self) -> None:
        """Raise if a statement has failed: DuckDB would "commit" without writing, PostgreSQL would roll back."""
        if self._failure is not None:
            raise WorkspaceError(
                f"Nothing was written to {self._place}: an earlier statement of the transaction failed."
            ) from self._failure

    def end(self) -> None:
        """Refuse further statements."""
        self._connection = None


class WriteAccess:
    """Write access of the writing thread: how it begins a transaction, and whether another writer waits."""

    def __init__(
        self, begin: Callable[[Scope], AbstractContextManager[WritingCursor]], is_wanted: Callable[[], bool]
    ) -> None:
        self._begin = begin
        self.is_wanted = is_wanted

    def transaction(self, scope: Scope = None) -> AbstractContextManager[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        return self._begin(scope)
