"""A store as it was, and what has changed between two moments of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from wsq.api.binding import checked
from wsq.api.questions import Questions
from wsq.clock import aware
from wsq.errors import InvalidInput
from wsq.projections import Rows
from wsq.queries import log as log_queries
from wsq.rules import values
from wsq.store.engine import Cursor, ReadingCursor

if TYPE_CHECKING:
    from wsq.api.store import Store
    from wsq.events import Recorded
    from wsq.projections.changes import Change
    from wsq.store.past import PastEngine

T = TypeVar("T")
P = ParamSpec("P")


@checked
class PastStore(Questions):
    """A store as it was: it answers questions and takes no commands. `seq` is its newest event's."""

    def __init__(self, store: Store, engine: PastEngine, seq: int) -> None:
        self.id = store.id
        self.seq = seq
        self._store = store
        self._engine = engine

    def __repr__(self) -> str:
        return f"<wsq.PastStore {self.id!r} as of event {self.seq}>"

    def _read(self, question: Callable[[ReadingCursor], T]) -> T:
        with self._engine.read() as cursor:
            return question(cursor)

    _read_texts = _read

    def _query(self, question: Callable[Concatenate[Cursor, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.row()  # raises before the first event of the store
        return super()._query(question, *args, **kwargs)

    def difference(self, other: PastStore) -> Rows[Change]:
        """What changed in the store from this moment to the `other`; see `Store.difference`.

        Raises:
            InvalidInput: `other` is another store's.
        """
        if not isinstance(other, PastStore):
            raise values.refusal("other", other, "a store as it was")
        if (other._store.workspace, other.id) != (self._store.workspace, self.id):
            raise InvalidInput(f"{other!r} is another store than {self!r}: two moments of one store are compared.")
        return self._store.difference(self.seq, other.seq)

    def head(self) -> int:
        """The seq of the newest event up to then."""
        return self.seq

    def events(self, after: int = 0) -> list[Recorded]:
        """The store's events up to then whose seq is greater than `after`."""
        return self._store._query(log_queries.events, after, self.seq)


def checked_moment(moment: Any) -> datetime | int:
    """A moment in a store's history: an aware datetime, or the seq of an event, 0 or more."""
    if isinstance(moment, datetime):
        return aware(moment)
    if isinstance(moment, bool) or not isinstance(moment, int) or moment < 0:
        raise values.refusal("The moment", moment, "a datetime with a time zone, or the seq of an event, 0 or more")
    return moment


def checked_span(begin: datetime, end: datetime | None) -> tuple[datetime, datetime | None]:
    """Two aware instants in order; an `end` of None stays open."""
    if end is not None and aware(end) < aware(begin):
        raise values.refusal("until", end.isoformat(), f"an instant not before {begin.isoformat()}")
    return aware(begin), end
