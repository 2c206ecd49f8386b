"""The board as a static HTML table, for readers of a notebook without a kernel."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import zip_longest
from typing import Any

from wsq.views.page.cards import Card
from wsq.vocabulary import BOARD_LABELS, RECURRING_LANE

_LEFT = 'style="text-align:left;vertical-align:top"'


def static_table(cards: Iterable[Card], most: int | None = None) -> str:
    """Return the lanes side by side, one cell per card; escaped, without ids, and reproducible.

    Recurring tasks come newest first, others by position, as on the board. Of a lane with more than
    `most` cards, the others are only counted.
    """
    cards = sorted(cards, key=lambda card: (card["rank"], card["id"]))
    lanes = {name: [card for card in cards if card["lane"] == name] for name in BOARD_LABELS}
    lanes[RECURRING_LANE].reverse()
    head = "".join(f"<th {_LEFT}>{escape(title)} · {len(lanes[name])}</th>" for name, title in BOARD_LABELS.items())
    body = "\n".join(
        "<tr>" + "".join(f"<td {_LEFT}>{_cell(card)}</td>" for card in line) + "</tr>"
        for line in zip_longest(*(shown[:most] for shown in lanes.values()))
    )
    rest = [len(each) - most if most is not None and len(each) > most else 0 for each in lanes.values()]
    if any(rest):
        counted = "".join(f"<td {_LEFT}>{f'… and {more} more' if more else ''}</td>" for more in rest)
        body += f"\n<tr>{counted}</tr>"
    return (
        '<table class="tex2jax_ignore mathjax_ignore">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def _cell(card: Card | None) -> str:
    if card is None:
        return ""
    title, *lines = map(escape, filter(None, _lines(card)))
    return "<br>".join([f"<b>{title}</b>", *lines])


def _lines(card: Card) -> list[Any]:
    who = ", ".join(card["assignees"])
    if card["kind"] != "recurring":
        return [card["title"], who, "made by the agent" if card["by_agent"] else ""]
    return [card["title"], card["every"], who, *map(_run, card["runs"])]


def _run(run: Card) -> str:
    parts = [run["word"], run["verdict"] or run["reason"], f"{run['slots']} scheduled runs" if run["slots"] > 1 else ""]
    return " · ".join(filter(None, parts))
