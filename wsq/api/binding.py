"""Turn commands and queries into methods of a store or workspace.

A command is a function of a transaction and a store's id; a query is one of a cursor and a store's id. Bound here, it
becomes a method with the rest of its signature and its docstring, so each of them is written and typed once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

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


def _documented(method: Callable[..., T], function: Callable[..., Any], bound: int) -> Callable[..., T]:
    """The method under the function's name, docstring and signature, less its first `bound` parameters."""
    signature = inspect.signature(function)
    rest = list(signature.parameters.values())[bound:]
    update_wrapper(method, function)
    del method.__wrapped__  # type: ignore[attr-defined]  # it has other parameters
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(parameters=[this, *rest])  # type: ignore[attr-defined]
    return method
