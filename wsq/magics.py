"""The notebook magics ``%%wsql`` and ``%%recurring``, loaded with ``%load_ext wsq``.

Their options are shown by ``%%wsql?`` and ``%%recurring?``. Errors are one sentence without a traceback, and the cell
counts as failed.
"""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from IPython.core.error import UsageError
from msgspec import UNSET

from wsq import api
from wsq.errors import InvalidInput, WsqError
from wsq.store.duckdb.sql_console import parameters_of

if TYPE_CHECKING:
    import pandas as pd

    from wsq.projections import RecurringTask

_BRACED = re.compile(r"\{\s*([^\W\d]\w*)\s*\}")


class Shell(Protocol):
    """What is needed of IPython: the user's variables, and registering magics."""

    user_ns: dict[str, Any]

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None:
        """Register a function as a magic."""


def register(shell: Shell) -> None:
    """Register both magics in an IPython shell. Calling it again is fine."""
    for name, does, options in (("wsql", _wsql, _wsql_options()), ("recurring", _recurring, _recurring_options())):
        shell.register_magic_function(_magic(shell, does, options), "cell", name)


class _Options(ArgumentParser):
    """Raises errors as one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message[:1].upper()}{message[1:]} (see `{self.prog}?`).")


def _magic(shell: Shell, does: Callable[[Shell, Namespace, str], Any], options: _Options) -> Callable[[str, str], Any]:
    """Return a magic: a function of the rest of its line and of the cell below it."""

    def magic(line: str, cell: str) -> Any:
        try:
            return does(shell, options.parse_args(_words(line)), cell.strip())
        except WsqError as refusal:
            raise UsageError(str(refusal)) from None

    magic.__doc__ = options.format_help()
    magic._ipython_magic_no_var_expand = True  # type: ignore[attr-defined] # $ and { in names are literal
    return magic


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidInput(f"The options cannot be parsed: {str(error).lower()}.") from None


def _options(name: str, about: str) -> _Options:
    made = _Options(prog=f"%%{name}", description=about, add_help=False, allow_abbrev=False)
    made.add_argument("--workspace", metavar="NAME", help="variable with the workspace; default: the last opened one")
    made.add_argument("--database", metavar="PATH", help="a workspace's file, opened for this cell only")
    return made


# %%wsql


def _wsql_options() -> _Options:
    about = (
        "The cell is one read-only SQL statement; its result is a DataFrame. "
        "$name is the value of the variable `name`, passed as a parameter and never inserted as text."
    )
    made = _options("wsql", about)
    made.add_argument("--into", metavar="NAME", help="variable for the DataFrame, which is then not shown")
    return made


def _wsql(shell: Shell, given: Namespace, cell: str) -> pd.DataFrame | None:
    parameters = {name: _variable(shell, name) for name in _asked_for(shell, cell)}
    with _workspace(shell, given) as workspace:
        found = workspace.sql(cell, parameters or None)
    if given.into is None:
        return found
    shell.user_ns[_name(given.into)] = found
    return None


def _asked_for(shell: Shell, sql: str) -> set[str]:
    """Return a statement's parameters; explains parameters to users of ``{name}``."""
    try:
        return parameters_of(sql)
    except InvalidInput:
        for name in _BRACED.findall(sql):
            if name in shell.user_ns:
                raise InvalidInput(
                    f"Variables are passed as parameters: write ${name} instead of {{{name}}}."
                ) from None
        raise


def _variable(shell: Shell, name: str) -> Any:
    if name.isdigit():
        raise InvalidInput("Parameters are variables: write $name instead of ? or $1.")
    if name not in shell.user_ns:
        raise InvalidInput(f"The statement uses ${name}, but there is no variable {name}.")
    return shell.user_ns[name]


def _name(text: str) -> str:
    if not text.isidentifier():
        raise InvalidInput(f"{text!r} is not a valid variable name.")
    return text


# %%recurring


def _recurring_options() -> _Options:
    about = (
        "The cell is the prompt of a recurring task. It is tried on a copy of the board, which shows what it would "
        "change; with --save the task is created, or updated if the store has one with this name."
    )
    made = _options("recurring", about)
    made.add_argument("name", metavar="NAME", help="name of the task")
    made.add_argument("--every", metavar="INTERVAL", help="such as '4 hours', '1 day'; needed for a new task")
    made.add_argument("--starting", metavar="TIME", help="start of the schedule: a time such as 09:00, or an instant")
    made.add_argument("--store", metavar="ID", help="the store; default: the one in a variable, or the only one")
    made.add_argument("--create-store", action="store_true", help="create the store if it is missing")
    made.add_argument("--project", metavar="NAME_OR_ID", help="project that it works in; default: the whole store")
    made.add_argument("--model", metavar="ID", help="model to use; default: the store's or the settings'")
    made.add_argument("--save", action="store_true", help="create or update the task instead of trying the prompt")
    return made


def _recurring(shell: Shell, given: Namespace, prompt: str) -> Any:
    if not prompt:
        raise InvalidInput("The cell has no prompt. Write what the agent should do below the first line.")
    with _workspace(shell, given) as workspace:
        store = _store(shell, workspace, given.store, create=given.create_store)
        project_id = _project(store, given.project) if given.project is not None else None
        if given.save:
            return _saved(store, given, prompt, project_id)
        if given.every is not None:
            store.upcoming(every=given.every, starting=given.starting)  # raises before the model costs anything
        return store.dry_run(prompt, project_id=project_id, model=given.model)


def _saved(store: api.Store, given: Namespace, prompt: str, project_id: str | None) -> RecurringTask:
    """Create the task, or update the given fields of the one with this name; print which."""
    old = _named(store, given.name)
    if old is None:
        if given.every is None:
            raise InvalidInput(f"{given.name!r} is a new task and needs --every, such as --every '1 day'.")
        row = store.create_recurring_task(
            given.name, prompt, every=given.every, starting=given.starting, project_id=project_id, model=given.model
        )
    else:
        wanted = {"every": given.every, "starting": given.starting, "project_id": project_id, "model": given.model}
        changes: dict[str, Any] = {name: UNSET if value is None else value for name, value in wanted.items()}
        row = store.update_recurring_task(old.id, prompt=prompt, **changes)
    what = "Created" if old is None else "Updated" if row.version != old.version else "Nothing to change in"
    print(f"{what} {row.name!r} in store {store.id}; {_next(row)}.")
    return row


def _next(task: RecurringTask) -> str:
    if task.next_execution_at is None:
        return "it is disabled and does not run"
    return f"its next run is {task.next_execution_at.isoformat(sep=' ', timespec='minutes')}"


def _named(store: api.Store, name: str) -> RecurringTask | None:
    wanted = name.strip().casefold()
    named = [task for task in store.recurring_tasks() if task.name.casefold() == wanted]
    if len(named) > 1:
        raise InvalidInput(f"{len(named)} recurring tasks of store {store.id} are named {name!r}. Rename one first.")
    return named[0] if named else None


def _project(store: api.Store, name_or_id: str) -> str:
    projects = store.projects()
    wanted = name_or_id.strip().casefold()
    by_id = [row for row in projects if row.id == name_or_id]
    named = by_id or [row for row in projects if row.name.casefold() == wanted]
    if len(named) > 1:
        ids = ", ".join(row.id for row in named)
        raise InvalidInput(f"{len(named)} projects are named {name_or_id!r}. Choose one by id: {ids}.")
    return named[0].id if named else store.project(name_or_id).id  # raises, and names the nearest


# Workspace and store


@contextmanager
def _workspace(shell: Shell, given: Namespace) -> Iterator[api.Workspace]:
    """Give the workspace of the options: a file's, a variable's, or the last opened one among the variables."""
    if given.database is not None and given.workspace is not None:
        raise InvalidInput("Use either --workspace or --database, not both.")
    if given.database is not None:
        with api.open(given.database, create=False) as workspace:
            yield workspace
    else:
        yield _of_variable(shell, given.workspace) if given.workspace is not None else _newest(shell)


def _of_variable(shell: Shell, name: str) -> api.Workspace:
    value = shell.user_ns.get(name)
    if not isinstance(value, api.Workspace):
        raise InvalidInput(f"There is no workspace in a variable {name}. Create one with wsq.open(…).")
    return value


def _newest(shell: Shell) -> api.Workspace:
    held = [value.workspace if isinstance(value, api.Store) else value for value in shell.user_ns.values()]
    found = [value for value in held if isinstance(value, api.Workspace) and not value.closed]
    if not found:
        raise InvalidInput("No workspace is open. Open one with ws = wsq.open(…), or name its file with --database.")
    return max(found, key=lambda workspace: workspace.opened)


def _store(shell: Shell, workspace: api.Workspace, store_id: str | None, *, create: bool) -> api.Store:
    """Return the store by id; else the one in a variable, else the only one of the workspace.

    Raises:
        NotFound: There is no store with this id, and it is not to be created.
    """
    if store_id is not None:
        store = workspace.store(store_id)
        if create:
            workspace.create_store(store_id, exist_ok=True)
        store.row()
        return store
    held = {
        value.id: value
        for value in shell.user_ns.values()
        if isinstance(value, api.Store) and value.workspace is workspace
    }
    ids = list(held) or [row.id for row in workspace.stores()]
    if len(ids) != 1:
        among = f": {', '.join(sorted(ids))}" if ids else ""
        raise InvalidInput(f"Choose a store with --store{among}.")
    return held.get(ids[0]) or workspace.store(ids[0])
