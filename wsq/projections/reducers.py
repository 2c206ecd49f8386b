"""An event and a row go in, the new row comes out.

`keys` names the rows that an event touches; `reduce` computes each. Both depend on nothing but their arguments, so
live writing, rebuilding and looking back use the same code.
"""

from __future__ import annotations

from wsq.events import recurring as r
from wsq.events.base import Fact, Recorded
from wsq.projections import board_reducers, recurring_reducers  # noqa: F401 - they enter their rules
from wsq.projections.reducing import RULES, Address, Key, Locator, Reducer
from wsq.projections.rows import Row

__all__ = ["Key", "Locator", "Reducer", "keys", "pruned_steps", "reduce", "rules_of"]


def rules_of(kind: type[Fact]) -> list[tuple[str, Locator, Reducer]]:
    """Which tables a kind of event touches, how the row is found, and the reducer: for folding many events."""
    return RULES[kind]


def keys(event: Recorded) -> tuple[Address, ...]:
    """The rows that `event` touches, in the order in which they are to be reduced."""
    addresses = [(table, locate(event.fact, event)) for table, locate, _ in RULES[type(event.fact)]]
    if type(event.fact) is r.ConversationPruned:
        addresses += pruned_steps(event.fact)
    return tuple(address for address in addresses if address[1][0] is not None)


def pruned_steps(fact: r.ConversationPruned) -> list[Address]:
    """The rows that go when a conversation is pruned; there are as many as it had steps."""
    return [("execution_steps", (fact.execution_id, n)) for n in range(1, fact.steps + 1)]


def reduce(table: str, row: Row | None, event: Recorded) -> Row | None:
    """What `event` makes of the `table`'s `row`: the row as it then is, None for gone or never there."""
    for name, _, rule in RULES[type(event.fact)]:
        if name == table:
            return rule(row, event.fact, event)
    return None
