"""Every request from a browser becomes a call on the store here, or is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from wsq.api import Store
from wsq.errors import Conflict, InvalidInput, LoggedOut, NotFound, WsqError
from wsq.projections.rows import RecurringTask, Task
from wsq.views.dialogs import transcript
from wsq.views.dialogs.form import Form, Refused, Row
from wsq.views.dialogs.forms import FORMS
from wsq.views.live import lists
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.page import cards, markdown, messages

log = logging.getLogger(__name__)

Answer = dict[str, Any]

LATER = "Something went wrong here, and nothing was changed; the server's log says what."

PAGE = 20
"""Executions on a page of a history."""


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """The revision up to which a page knows the board; the board sends what it has missed."""

    rev: int


class EditConflict(Conflict):
    """Someone else saved the row while its form was open; `now` is the form as it would open now."""

    def __init__(self, message: str, now: dict[str, Any]) -> None:
        super().__init__(message)
        self.now = now


class Responder:
    """Answers what a page's browser sends, whatever page it is; `permissions` judges whether it may be asked at all."""

    permissions: Permissions = OPEN

    def answer(self, raw: object) -> Answer:
        """The answer: `ok` with a `value`, or not `ok` with one sentence in `error`.

        A refused form has its `problems` by field; a form that someone else saved first has the `conflict`: the
        row as it is now, and who saved it. Blocks for as long as the store does; never raises.
        """
        ref = messages.ref_of(raw)
        try:
            message = messages.parse(raw)
            self.permissions.allow(message)
            if isinstance(message, messages.Renew):
                self.permissions.renew(message.ticket)
                return {"type": "answer", "ref": ref, "ok": True, "value": None}
            return {"type": "answer", "ref": ref, "ok": True, "value": self.handle(message)}
        except Refused as refusal:
            return {"type": "answer", "ref": ref, "ok": False, "error": str(refusal), "problems": refusal.problems}
        except EditConflict as conflict:
            return {"type": "answer", "ref": ref, "ok": False, "error": str(conflict), "conflict": conflict.now}
        except LoggedOut as refusal:
            return {"type": "answer", "ref": ref, "ok": False, "error": str(refusal), "login": True}
        except WsqError as refusal:
            return {"type": "answer", "ref": ref, "ok": False, "error": self.permissions.worded(refusal)}
        except Exception:
            # The page gets an answer to every failure; details stay in the log.
            log.exception("A page's request failed", extra={"action": "page.message"})
            return {"type": "answer", "ref": ref, "ok": False, "error": LATER}

    def handle(self, message: messages.Request) -> Any:
        """The value that answers a request, as plain values; raises `WsqError` when it is refused."""
        raise NotImplementedError


class Dispatcher(Responder):
    """Serves one page, bound to its store: no request reaches another store.

    Only a pause may be about the whole workspace, and says so. `find` returns the ids of the cards that contain a
    text, `recap` what has happened since an instant, `count` statistics.
    """

    def __init__(
        self,
        store: Store,
        find: Callable[[str], list[str]] | None = None,
        *,
        recap: Callable[[messages.SinceThen], Any] | None = None,
        count: Callable[[messages.Statistics], Any] | None = None,
    ) -> None:
        self._store = store
        self._find = find or (lambda _text: [])
        self._recap = recap
        self._count = count

    def handle(self, message: messages.Request) -> Any:
        """See `Responder.handle`."""
        match message:
            case messages.Sync(rev=rev):
                return Synced(rev=rev)
            case messages.Open() | messages.Check() | messages.Submit():
                return self._form(message)
            case messages.History(id=id_, before=before):
                return self._history(id_, before)
            case messages.Search(text=text):
                return self._find(text)
            case messages.ArchivedTasks(text=text):
                return self._archived_tasks(text)
            case messages.Preview(text=text):
                return {"tree": markdown.tree(text)}
            case messages.OpenExecution(id=id_):
                return self._execution(id_)
            case messages.Library(archived=archived, known=known):
                return lists.lists(self._store, include_archived=archived, known=known)
            case messages.Archive() | messages.Restore() | messages.DeleteContact():
                return self._archive_or_restore(message)
            case messages.Pause() | messages.Resume():
                return set_paused(message, self._store)
            case messages.SinceThen() if self._recap is not None:
                return self._recap(message)
            case messages.Statistics() if self._count is not None:
                return self._count(message)
        return self._command(message)

    def _command(self, message: messages.Request) -> Any:
        store = self._store
        match message:
            case messages.Run(id=id_):
                return {"execution": store.start_now(id_).id}
            case messages.Enable(id=id_):
                return _saved(store.enable_recurring_task(id_))
            case messages.Disable(id=id_):
                return _saved(store.disable_recurring_task(id_))
            case messages.RunLate(id=id_):
                return self._run_late(id_)
            case messages.Missed(id=id_, policy=policy):
                return _saved(store.update_recurring_task(id_, missed=policy))
            case messages.Delete(id=id_):
                return _saved(store.delete_recurring_task(id_))
            case messages.CreateTask(title=title, lane=lane, project=project):
                return _saved(store.create_task(title, status=lane, project_id=project))
            case messages.MoveTask(id=id_, lane=lane, position=None):
                return _placed(store.move_task(id_, status=lane))
            case messages.MoveTask(id=id_, lane=lane, position=position):
                return _placed(store.move_task(id_, status=lane, position=position))
            case messages.ArchiveTask(id=id_):
                return _saved(store.archive_task(id_))
            case messages.RestoreTask(id=id_, position=position):
                return _placed(self._restored(id_, position))
            case messages.CancelExecution(id=id_):
                store.cancel_execution(id_)
                return None
            case _:
                raise InvalidInput("The page sent a request about stores that it does not show.")

    def _run_late(self, task_id: str) -> Any:
        """Start what was missed, then change the policy: a task that cannot start keeps its own.

        If it starts and the policy cannot be changed, `stayed` says why.
        """
        execution = self._store.start_now(task_id)
        try:
            row = self._store.update_recurring_task(task_id, missed="run_once")
        except WsqError as refusal:
            return {"execution": execution.id, "stayed": str(refusal)}
        return {"execution": execution.id} | _saved(row)

    def _archive_or_restore(self, message: messages.Archive | messages.Restore | messages.DeleteContact) -> Any:
        store = self._store
        match message:
            case messages.Archive(kind="project", id=id_):
                row, disabled = lists.archive_project(store, id_)
                return _saved(row) | {"disabled": disabled}
            case messages.Archive(id=id_):
                return _saved(store.archive_document(id_))
            case messages.Restore(kind="project", id=id_, enable=enable):
                return _saved(lists.restore_project(store, id_, enable))
            case messages.Restore(id=id_):
                return _saved(store.unarchive_document(id_))
            case messages.DeleteContact(id=id_):
                return _saved(store.delete_contact(id_))

    def _restored(self, task_id: str, position: int | None) -> Task:
        restored = self._store.unarchive_task(task_id)
        return (
            restored if position is None else self._store.move_task(task_id, status=restored.status, position=position)
        )

    def _archived_tasks(self, text: str) -> dict[str, Any]:
        rows = self._store.archived_tasks(text, limit=PAGE + 1)
        return {"tasks": [cards.archived_line(row) for row in rows[:PAGE]], "more": len(rows) > PAGE}

    # Forms

    def _form(self, message: messages.Open | messages.Check | messages.Submit) -> Any:
        kind = FORMS[message.form]
        match message:
            case messages.Open(id=None):
                return self._opened(message.form, kind.blank(self._store))
            case messages.Open(id=str(id_), copied=True):
                return self._opened(message.form, kind.copy_of(kind.row(self._store, id_)), copied=True)
            case messages.Open(id=str(id_)):
                row = kind.row(self._store, id_)
                return self._opened(message.form, kind.of(row), row)
            case messages.Check(id=id_, fields=fields):
                form = kind.typed(fields)
                return {"problems": form.problems(), "remarks": form.remarks(self._store, id_)}
            case messages.Submit(id=None, fields=fields):
                return _saved(kind.typed(fields).create(self._store))
            case messages.Submit(id=str(id_), version=version, fields=fields):
                return _saved(self._save(message.form, id_, version, fields))

    def _save(self, name: str, row_id: str, version: int | None, fields: dict[str, Any]) -> Row:
        if version is None:
            raise InvalidInput("The page does not say which version of the row it opened.")
        try:
            return FORMS[name].typed(fields).save(self._store, row_id, version)
        except Conflict as conflict:
            row = FORMS[name].row(self._store, row_id)
            raise EditConflict(str(conflict), self._opened(name, FORMS[name].of(row), row)) from conflict

    def _opened(self, kind: str, form: Form, row: Row | None = None, *, copied: bool = False) -> dict[str, Any]:
        """A form as a browser shows it, with what there is to know of the row that it edits."""
        opened: dict[str, Any] = {
            "id": None,
            "version": None,
            "fields": form.fields(),
        } | form.drawn(self._store, row, copied=copied)
        if row is None:
            return opened
        edit = self._store.last_edit(kind, row.id)
        return opened | {
            "id": row.id,
            "version": row.version,
            "edited": {"by": self.permissions.shown(edit.actor), "at": cards.instant(edit.at)} if edit else None,
            "archived": getattr(row, "archived_at", None) is not None,
            "execution": getattr(row, "created_by_execution_id", None),
        }

    # Executions

    def _history(self, recurring_task_id: str, before: str | None) -> dict[str, Any]:
        runs = self._store.executions(recurring_task_id, limit=PAGE + 1, before=before)
        return {"runs": [cards.run_line(run) for run in runs[:PAGE]], "more": len(runs) > PAGE}

    def _execution(self, execution_id: str) -> dict[str, Any]:
        run = self._store.execution(execution_id)
        return cards.execution_detail(
            run,
            transcript.turns(self._lines(run.id)),
            task=self._task(run.recurring_task_id),
            titles={each: self._store.task(each).title for each in run.created_task_ids},
            documents=self._store.documents_made_by(run.id),
        )

    def _lines(self, execution_id: str) -> list[Any]:
        try:
            return list(self._store.transcript(execution_id))
        except NotFound:  # a skipped one never ran, and an old one's steps are pruned
            return []

    def _task(self, recurring_task_id: str) -> RecurringTask | None:
        try:
            return self._store.recurring_task(recurring_task_id)
        except NotFound:
            return None


def set_paused(message: messages.Pause | messages.Resume, store: Store) -> None:
    """Pause or resume the store or, when the message says so, the whole workspace that it belongs to."""
    match message:
        case messages.Pause(whole=True, until=until, reason=reason):
            store.workspace.pause(until=until, reason=reason, actor=store.actor)
        case messages.Pause(until=until, reason=reason):
            store.pause(until=until, reason=reason)
        case messages.Resume(whole=True):
            store.workspace.resume(actor=store.actor)
        case messages.Resume():
            store.resume()


def _saved(row: Row) -> dict[str, Any]:
    """The row that a command changed and its version, by which a browser knows that its pending change is confirmed."""
    return {"id": row.id, "version": row.version}


def _placed(task: Task) -> dict[str, Any]:
    return _saved(task) | {"lane": task.status, "rank": task.rank}


def as_json(answer: Answer) -> str:
    """The answer as the text that goes to the browser."""
    return msgspec.json.encode(answer).decode()
