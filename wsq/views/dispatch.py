"""One place where every message from a browser becomes a call on the store, or is refused."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from wsq.errors import NotFound, WsqError
from wsq.views import cards, messages
from wsq.views.ports import Store

log = logging.getLogger(__name__)

Answer = dict[str, Any]

LATER = "Something went wrong here, and nothing was changed; the server's log says what."


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """How far a page knows the board; what it has missed, its board sends it."""

    rev: int


class Dispatcher:
    """Serves one page: bound to its store, so that no message can reach into another."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, raw: object) -> Answer:
        """What to send back: `ok` with a `value`, or not `ok` with one sentence in `error`.

        Calls a method of the store and blocks for as long as it does; never raises.
        """
        ref = 0
        try:
            message = messages.understood(raw)
            ref = message.ref
            return {"type": "answer", "ref": ref, "ok": True, "value": self._carry_out(message)}
        except WsqError as refusal:
            return {"type": "answer", "ref": ref, "ok": False, "error": str(refusal)}
        except Exception:
            # A page must hear of every failure, also of those nobody thought of; details stay here.
            log.exception("A page's message could not be carried out", extra={"action": "page.message"})
            return {"type": "answer", "ref": ref, "ok": False, "error": LATER}

    def _carry_out(self, message: messages.Known) -> Any:
        store = self._store
        match message:
            case messages.Hello(rev=rev):
                return Known(rev=rev)
            case messages.Run(id=id_):
                return {"execution": store.start_now(id_).id}
            case messages.Enable(id=id_):
                store.enable_recurring_task(id_)
            case messages.Disable(id=id_):
                store.disable_recurring_task(id_)
            case messages.Delete(id=id_):
                store.delete_recurring_task(id_)
            case messages.OpenRecurring(id=id_):
                return self._recurring_form(id_)
            case messages.UpdateRecurring():
                return {"id": self._update_recurring(message)}
            case messages.CreateRecurring():
                return {"id": self._create_recurring(message)}
            case messages.OpenTask(id=id_):
                return self._task_form(id_)
            case messages.CreateTask(title=title, lane=lane, project=project):
                return {"id": store.create_task(title, status=lane, project_id=project).id}
            case messages.UpdateTask():
                return {"id": self._update_task(message)}
            case messages.MoveTask(id=id_, lane=lane, position=None):
                store.move_task(id_, status=lane)
            case messages.MoveTask(id=id_, lane=lane, position=position):
                store.move_task(id_, status=lane, position=position)
            case messages.ArchiveTask(id=id_):
                store.archive_task(id_)
            case messages.OpenExecution(id=id_):
                return self._execution(id_)
            case messages.CancelExecution(id=id_):
                store.cancel_execution(id_)
        return None

    def _create_recurring(self, form: messages.CreateRecurring) -> str:
        made = self._store.create_recurring_task(
            form.name,
            form.prompt,
            every=f"{form.every.strip()} {form.unit}",
            description=form.description,
            project_id=form.project,
        )
        return made.id

    def _update_recurring(self, form: messages.UpdateRecurring) -> str:
        changed = self._store.update_recurring_task(
            form.id,
            name=form.name,
            prompt=form.prompt,
            every=f"{form.every.strip()} {form.unit}",
            description=form.description,
            project_id=form.project,
            expected_version=form.version,
        )
        return changed.id

    def _update_task(self, form: messages.UpdateTask) -> str:
        changed = self._store.update_task(
            form.id,
            title=form.title,
            description=form.description,
            assignees=tuple(form.assignees),
            project_id=form.project,
            expected_version=form.version,
        )
        return changed.id

    def _recurring_form(self, recurring_task_id: str) -> dict[str, Any]:
        task = self._store.recurring_task(recurring_task_id)
        return {
            "id": task.id,
            "version": task.version,
            "name": task.name,
            "description": task.description,
            "prompt": task.prompt,
            "every": str(task.interval_value),
            "unit": task.interval_unit,
            "project": task.project_id,
            "forecast": f"{str(self._store.forecast(task.id)).capitalize()}.",
        }

    def _task_form(self, task_id: str) -> dict[str, Any]:
        task = self._store.task(task_id)
        return {
            "id": task.id,
            "version": task.version,
            "title": task.title,
            "description": task.description,
            "assignees": list(task.assignees),
            "project": task.project_id,
            "lane": task.status,
            "execution": task.created_by_execution_id,
            "created_at": cards.instant(task.created_at),
            "archived": task.archived_at is not None,
        }

    def _execution(self, execution_id: str) -> dict[str, Any]:
        run = self._store.execution(execution_id)
        titles, documents = self._titles(run.created_task_ids), self._store.documents_made_by(run.id)
        return cards.execution_detail(run, self._transcript(run.id), titles, documents)

    def _transcript(self, execution_id: str) -> list[Any]:
        try:
            return list(self._store.transcript(execution_id))
        except NotFound:  # a skipped one was never carried out, and an old one's steps are pruned
            return []

    def _titles(self, task_ids: tuple[str, ...]) -> dict[str, str]:
        return {each: self._store.task(each).title for each in task_ids}


def as_json(answer: Answer) -> str:
    """The answer as the text that goes to the browser."""
    return msgspec.json.encode(answer).decode()
