"""Rows as browsers receive them: plain values, shortened texts, instants as ISO 8601 in UTC."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from wsq.projections.display import one_line
from wsq.projections.rows import Document, Execution, RecurringTask, Task
from wsq.queries.ahead import furthest
from wsq.queries.executions import Run
from wsq.rules import drafts, values
from wsq.rules.budgets import Spending
from wsq.rules.pauses import Pausable
from wsq.runner.progress import Doing
from wsq.views.page import markdown, words
from wsq.vocabulary import LANE_LABELS, NOTIFY_ON_LABELS, RECURRING_LANE, STATUS_LABELS, TRIGGER_LABELS, UNWANTED_SKIPS

Card = dict[str, Any]

RUNS_SHOWN = 5
"""Number of last runs on a recurring task's card."""

TEXT_SHOWN = 500
"""Maximum characters of an output or an error on a card; the dialog shows all of it."""

DOING_SHOWN = 1000
"""Maximum characters of a running execution's text that are sent live."""

STEP_SHOWN = 20_000
"""Maximum characters of one step of a transcript."""

ABOUT_SHOWN = 240
"""Maximum characters of a description on a card."""

LONGEST = 32
"""Maximum code points per visible character on average: a family emoji in four skin tones has 11."""


def task_card(task: Task) -> Card:
    """Return a task's card. Lanes are ordered by `rank`, so that a move changes only one card."""
    return {
        "kind": "task",
        "id": task.id,
        "version": task.version,
        "title": one_line(task.title),
        "about": shortened(task.description, ABOUT_SHOWN),
        "lane": task.status,
        "rank": task.rank,
        "assignees": [one_line(each) for each in task.assignees],
        "project": task.project_id,
        "by_agent": task.created_by_execution_id is not None,
    }


def archived_line(task: Task) -> Card:
    """Return an archived task as a line of a list."""
    lane = LANE_LABELS[task.status]
    return {"id": task.id, "title": one_line(task.title), "lane": lane, "at": instant(task.archived_at)}


def recurring_card(task: RecurringTask, runs: Sequence[Run], spending: Spending | None = None) -> Card:
    """Return a recurring task's card with its last runs, newest first, and the cost of its day."""
    newest = [run.execution for run in runs]
    last = next((run for run in newest if run.status not in ("running", "skipped")), None)
    return {
        "kind": "recurring",
        "id": task.id,
        "version": task.version,
        "title": one_line(task.name),
        "about": shortened(task.description, ABOUT_SHOWN),
        "lane": RECURRING_LANE,
        "rank": f"{instant(task.created_at)} {task.seq:012d}",
        "assignees": [one_line(each) for each in task.assignees],
        "project": task.project_id,
        "every": words.interval(task.interval_value, task.interval_unit, task.starting),
        "enabled": task.enabled,
        "disabled_reason": task.disabled_reason,
        "unknown_zone": values.unknown_zone("It", task.timezone),
        "notify": notify_line(task),
        "offers_late": bool(newest) and task.enabled and task.missed == "skip" and newest[0].reason == "missed",
        "failures": task.failures_in_row,
        "next": instant(task.next_execution_at),
        "within": furthest(task),
        "running": next((run.id for run in newest if run.status == "running"), None),
        "runs": [run_line(run.execution, run.settled) for run in runs],
        "output": shortened(last.output, TEXT_SHOWN) if last else "",
        "spent": spent_line(spending) if spending else None,
    }


def notify_line(task: RecurringTask) -> Card | None:
    """Return who is notified of which outcomes of a recurring task; None if nobody is."""
    if not (task.notify and task.notify_on):
        return None
    return {"who": [one_line(each) for each in task.notify], "on": [NOTIFY_ON_LABELS[each] for each in task.notify_on]}


def pause_line(paused: Pausable) -> Card:
    """Return a pause: since when, until when (None: until resumed), and why."""
    since, until = instant(paused.paused_at), instant(paused.paused_until)
    return {"since": since, "until": until, "reason": paused.paused_reason}


def news(card: Card, known: Card | None) -> Card:
    """Return the update for a browser that knows a card as `known`: its id and the changed fields.

    Known runs are sent as ids only. Unknown cards are sent whole.
    """
    if known is None:
        return card
    changed = {name: value for name, value in card.items() if name == "id" or value != known[name]}
    if "runs" in changed:
        changed["runs"] = [run["id"] if run in known["runs"] else run for run in card["runs"]]
    return changed


def spent_line(spending: Spending) -> Card | None:
    """Return a day's cost and budget, and whether that needs attention; None if it has cost nothing."""
    if spending.spent == 0:
        return None
    state = "used_up" if spending.is_used_up else "warning" if spending.is_warning else "fine"
    return {"text": words.spent(spending), "state": state}


def run_line(run: Execution, settled: Sequence[int] | None = None) -> Card:
    """Return one execution as a line of a card's history, or the newest of several shown as one.

    `settled` holds the number of slots that each of them settles: `count` is their number, `slots` the sum.
    """
    settled = (run.slots,) if settled is None else settled
    return {
        "id": run.id,
        "status": run.status,
        "word": STATUS_LABELS.get(run.status, run.status),
        "trigger": TRIGGER_LABELS.get(run.trigger, run.trigger),
        "at": instant(run.started_at),
        "seconds": run.duration.total_seconds() if run.duration is not None else None,
        "tasks": len(run.created_task_ids),
        "count": len(settled),
        "slots": sum(settled),
        "verdict": words.verdict(run.status, run.verdict),
        "could_not": run.verdict == "could_not",
        "reason": shortened(run.error or words.reason(run.reason) or "", TEXT_SHOWN),
        "loud": run.status == "skipped" and run.reason in UNWANTED_SKIPS,
        "offline": run.provider_kind == "offline",
    }


def doing_line(doing: Doing) -> Card:
    """Return what a running execution does: the end of its text, and the tool it calls."""
    return {"turn": doing.turn, "text": doing.text[-DOING_SHOWN:], "tool": doing.tool}


def execution_detail(
    run: Execution,
    turns: Sequence[Card],
    *,
    task: RecurringTask | None,
    titles: Mapping[str, str],
    documents: Iterable[Document] = (),
) -> Card:
    """Return everything that the execution dialog shows.

    `task` is its recurring task, None if deleted; `titles` maps the ids of created tasks to titles.
    """
    return run_line(run) | {
        "recurring_task_id": run.recurring_task_id,
        "scheduled_for": instant(run.scheduled_for),
        "first_slot": instant(run.first_slot),
        "completed_at": instant(run.completed_at),
        "attempts": run.attempts,
        "takeovers": run.takeovers,
        "reason_word": run.reason,
        "reason": run.error or words.reason(run.reason) or "",
        "output": run.output,
        "output_tree": markdown.tree(run.output),
        "task_name": one_line(task.name) if task else None,
        "notify": notify_line(task) if task else None,
        "waited": sum(turn.get("wait") or 0 for turn in turns),
        "pruned": run.pruned_at is not None,
        "model": run.model,
        "tokens": {
            "input": run.input_tokens,
            "output": run.output_tokens,
            "cache read": run.cache_read_tokens,
            "cache write": run.cache_write_tokens,
        },
        "cost": run.cost_usd,
        "cost_estimated": run.cost_estimated,
        "created": [{"id": each, "title": one_line(titles.get(each, each))} for each in run.created_task_ids],
        "documents": [document_line(document) for document in documents],
        "turns": turns,
    }


def document_line(document: Document) -> Card:
    """Return a document created by an execution; e-mail drafts with a mailto link."""
    link = drafts.mailto(document.content) if drafts.is_draft(document.title) else None
    return {
        "id": document.id,
        "title": one_line(document.title),
        "text": shortened(document.content, STEP_SHOWN),
        "mailto": link,
    }


def instant(value: datetime | None) -> str | None:
    """Return ISO 8601 with offset, for browsers."""
    return value.isoformat(timespec="milliseconds") if value is not None else None


def shortened(text: str, limit: int) -> str:
    """Return the first `limit` visible characters, with an ellipsis if something was cut off.

    A visible character is an extended grapheme cluster (Unicode Standard Annex 29): a family emoji, a flag or a letter
    with accents counts as one and is never split. Only a bounded part of the text is examined; a text with absurdly
    long characters (a letter with a thousand accents) is cut earlier, also between two characters.
    """
    if len(text) <= limit:
        return text
    head = text[: limit + 1]
    if head.isascii() and "\r" not in head:  # then each code point is a character
        return head[:limit].rstrip() + "…"
    seen = text[: limit * LONGEST]
    kept = _pattern(rf"\X{{0,{limit}}}+").match(seen)
    assert kept is not None, "the pattern matches an empty text too"
    end = int(kept.end())
    if end == len(text):
        return text
    if end == len(seen):  # the last character may continue
        end = int(_pattern(r"(?:\X(?!\Z))*+").match(seen).end())
    return seen[:end].rstrip() + "…"


@functools.cache
def _pattern(text: str) -> Any:
    import regex  # takes 25 ms, only for users of the pages

    return regex.compile(text)
