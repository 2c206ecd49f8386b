"""Turn commands and queries into methods of a store or workspace.

A command is a function of a transaction and a store's id; a query is one of a cursor and a store's id. Bound here, it
becomes a method with the rest of its signature and its docstring, so each of them is written and typed once. Here too
arguments of all public methods become Python's own types, and what methods share is checked, by its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from msgspec import UNSET

from wsq.queries.log import Position
from wsq.rules import values
from wsq.store.engine import Cursor
from wsq.store.transaction import Transaction

T = TypeVar("T")
P = ParamSpec("P")


def command(function: Callable[Concatenate[Transaction, str, P], T]) -> Callable[Concatenate[Any, P], T]:
    """A method that runs the command in a transaction of its own, or in the one that its store belongs to."""

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = self._write(function, *args, **kwargs)
        return result

    return _documented(method, function, 2)


def workspace_command(function: Callable[Concatenate[Transaction, P], T]) -> Callable[Concatenate[Any, P], T]:
    """A method of a workspace that runs the command in a transaction of its own."""

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = self._write(lambda tx: function(tx, *args, **kwargs))
        return result

    return _documented(method, function, 1)


def query(function: Callable[Concatenate[Cursor, str, P], T]) -> Callable[Concatenate[Any, P], T]:
    """A method that answers the query, as if the store were empty when there is none: lists are empty then.

    What asks for one row by its id raises `NotFound` by itself, and names the store.
    """

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = self._query(function, *args, **kwargs)
        return result

    return _documented(method, function, 2)


def checked(kind: type[T]) -> type[T]:
    """Have all public methods of a class take arguments of other types as Python's own, and refuse what is neither."""
    for name, method in list(vars(kind).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(kind, name, _checking(method, tuple(inspect.signature(method).parameters)[1:]))
    return kind


def _checking(method: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    @wraps(method)
    def checking(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        placed = [check(name, value) for name, value in zip(names, args, strict=False)]
        named = {name: check(name, value) for name, value in kwargs.items()}
        return method(self, *placed, *args[len(names) :], **named)

    return checking


def check(name: str, value: Any) -> Any:
    """The argument of this name as Python's own type; `InvalidInput` if it is not what all methods need."""
    own, checking = values.plain(value), _CHECKS.get(name)
    return own if checking is None or own is UNSET else checking(own, name)


def _or_none(checking: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, name: None if value is None else checking(value, name)


def _with(method: str) -> Callable[[Any, str], Any]:
    def checking(value: Any, name: str) -> Any:
        if not callable(getattr(value, method, None)):
            raise values.refusal(name, value, f"an object with {method}()")
        return value

    return checking


def _seq(value: Any, name: str) -> int:
    return values.count(value, name, most=values.LARGEST)


def _position(value: Any, name: str) -> Position:
    if isinstance(value, tuple) and len(value) == len(Position._fields):
        return Position(_seq(value[0], name), values.text(value[1], name))
    raise values.refusal(name, value, "a place in the log, as position() returns it")


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    "actor": _or_none(values.text),
    "after": _seq,
    "anyway": values.flag,
    "clock": _or_none(_with("now")),
    "create": values.flag,
    "dry_run": values.flag,
    "execution_ids": values.ids,
    "exist_ok": values.flag,
    "expected_version": _or_none(_seq),
    "ids": values.ids,
    "include_archived": values.flag,
    "interval": _or_none(partial(values.number, most=1e9)),
    "is_shifted": values.flag,
    "provider": _or_none(_with("turn")),
    "query": values.content,
    "kind": values.text,
    "last": _or_none(_position),
    "max_bytes": _or_none(_seq),
    "on_end": _or_none(values.function),
    "row_id": values.text,
    "session": values.text,
    "so_far": _or_none(values.function),
    "store": _or_none(values.text),
    "stores": _or_none(values.ids),
    "text": values.text,
    "work": values.function,
}
"""What each argument of this name has to be, in any method: those that no command checks."""


def _documented(method: Callable[..., T], function: Callable[..., Any], bound: int) -> Callable[..., T]:
    """The method under the function's name, docstring and signature, less its first `bound` parameters."""
    signature = inspect.signature(function)
    rest = list(signature.parameters.values())[bound:]
    update_wrapper(method, function)
    del method.__wrapped__  # type: ignore[attr-defined]  # it has other parameters
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(parameters=[this, *rest])  # type: ignore[attr-defined]
    return method
