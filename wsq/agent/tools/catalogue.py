"""Every tool by its name: its definition for the model, and how a call of it runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from pydantic import Field, ValidationError

from wsq.agent.providers.loose import storable
from wsq.agent.tools import contacts, documents, projects, tasks
from wsq.agent.tools.base import UNPARSED, Arguments, Outcome, Read, Scope, Tool
from wsq.errors import InvalidEvent, LeaseLost, WorkspaceError, WsqError
from wsq.rules import values
from wsq.store.transaction import Transaction
from wsq.vocabulary import Verdict

FINISH = "finish"


class Finish(Arguments):
    """Say how it went and end; call this last, exactly once."""

    outcome: Verdict = Field(
        description="done: what was asked for is done. nothing_to_do: there was nothing to do. "
        "could_not: it could not be done, or only in part."
    )
    summary: str = Field(description="What was done or why not, in a few sentences for the person who asked.")


def _finish(_tx: Transaction, _scope: Scope, given: Finish) -> Any:
    values.text(given.summary, "summary")
    return {"ok": True}


@cache
def catalogue(*, in_project: bool) -> dict[str, Tool]:
    """The tools of an execution. Their descriptions are part of what is frozen when it starts."""
    finish = Tool(
        name=FINISH,
        description="Say how it went and end. Call this last, exactly once.",
        arguments=Finish,
        run=_finish,
        only_looks=True,
    )
    every = [
        *tasks.tools(in_project=in_project),
        *documents.tools(in_project=in_project),
        *contacts.tools(),
        *projects.tools(in_project=in_project),
        finish,
    ]
    return {tool.name: tool for tool in every}


def offered(scope: Scope) -> bytes:
    """The tools' definitions for the model, as JSON, always the same and in the same order."""
    return _definitions(in_project=scope.project_id is not None)


def only_looks(name: str) -> bool:
    """Whether a call of this tool changes nothing on the board."""
    tool = catalogue(in_project=True).get(name) or catalogue(in_project=False).get(name)
    return tool is not None and tool.only_looks


def ends(name: str, arguments: Any) -> bool:
    """Whether a call ends the execution: it is ``finish`` with valid arguments."""
    if name != FINISH:
        return False
    try:
        values.text(Finish.model_validate(arguments).summary, "summary")
    except (ValidationError, WsqError):
        return False
    return True


@cache
def _definitions(*, in_project: bool) -> bytes:
    return _json(
        [
            {"name": tool.name, "description": tool.description, "input_schema": _schema(tool.arguments)}
            for tool in catalogue(in_project=in_project).values()
        ]
    )


def searches(scope: Scope, name: str) -> bool:
    """Whether a call of this tool is run by `search`, and not by `run`."""
    tool = catalogue(in_project=scope.project_id is not None).get(name)
    return tool is not None and tool.search is not None


def run(tx: Transaction, scope: Scope, name: str, arguments: Any) -> Outcome:
    """Run a call in this transaction.

    A mistake of the model gives an error result and changes nothing; any other error is raised.
    """
    return _called(scope, name, arguments, lambda tool, given: tool.run(tx, scope, given) if tool.run else None)


def search(read: Read, scope: Scope, name: str, arguments: Any) -> Outcome:
    """Run a call outside of any transaction. Errors as in `run`."""
    return _called(scope, name, arguments, lambda tool, given: tool.search(read, scope, given) if tool.search else None)


def failed(error: BaseException) -> Outcome:
    """The outcome of a call that an error of the workspace or of wsq itself has ended."""
    return _error(f"The tool failed, and nothing was changed: {storable(str(error)) or type(error).__name__}")


def _called(scope: Scope, name: str, arguments: Any, call: Callable[[Tool, Any], Any]) -> Outcome:
    tools = catalogue(in_project=scope.project_id is not None)
    tool = tools.get(name)
    if tool is None:
        return _error(f"There is no tool {name!r}; there are {', '.join(tools)}.")
    if UNPARSED in arguments:
        return _error(
            "The arguments are not a JSON object, or only the beginning of one. Call it again with all of it."
        )
    try:
        given = tool.arguments.model_validate(arguments)
        result = call(tool, given)
    except ValidationError as error:
        return _error(f"The arguments are not valid. {'; '.join(map(_complaint, error.errors(include_url=False)))}")
    except (WorkspaceError, LeaseLost, InvalidEvent):
        raise
    except WsqError as error:
        return _error(str(error))
    if isinstance(given, Finish):
        return Outcome(result=_json(result), verdict=given.outcome, summary=given.summary)
    return Outcome(result=_json(result))


def _schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The arguments' JSON schema without what strict tools do not support; pydantic checks the rest."""
    schema: dict[str, Any] = _plain(arguments.model_json_schema())
    schema.pop("description")
    return schema


def _plain(schema: Any) -> Any:
    """Without titles and bounds, which strict schemas do not support."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {key: _plain(each) for key, each in value.items()} if name == "properties" else _plain(value)
        for name, value in schema.items()
        if name not in ("title", "minimum", "maximum")
    }


def _complaint(error: Any) -> str:
    where = ".".join(map(str, error["loc"])) or "the arguments"
    return f"{where}: {error['msg']}"


def _error(message: str) -> Outcome:
    return Outcome(result=_json({"error": message}), is_error=True)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
