"""What cursors on every database have in common: they remember a failure, and end with their block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from wsq.errors import WorkspaceError

C = TypeVar("C")


@contextmanager
def telling(explained: Callable[[BaseException, str], BaseException], place: str) -> Iterator[None]:
    """Raise what goes wrong inside as `explained` tells it of the workspace `place`."""
    try:
        yield
    except BaseException as error:
        told = explained(error, place)
        if told is error:
            raise
        raise told from error


class Asking(Generic[C]):
    """A connection that is asked until its block has ended; one statement that fails spoils the transaction."""

    def __init__(self, connection: C, place: str, explained: Callable[[BaseException, str], BaseException]) -> None:
        self._connection: C | None = connection
        self._place = place
        self._explained = explained
        self._failure: BaseException | None = None

    @contextmanager
    def _asked(self) -> Iterator[C]:
        """The connection; what goes wrong is remembered and told in a sentence."""
        if self._connection is None:
            raise WorkspaceError(f"A question was asked of {self._place} after its read or write had ended.")
        with telling(self._explained, self._place):
            try:
                yield self._connection
            except BaseException as error:
                self._failure = error
                raise

    def be_whole(self) -> None:
        """Refuse when a statement has failed: DuckDB would "commit" and have written nothing, a server roll back."""
        if self._failure is not None:
            raise WorkspaceError(
                f"Nothing was written to {self._place}: a statement of the transaction had failed before."
            ) from self._failure

    def end(self) -> None:
        """Answer no more."""
        self._connection = None
