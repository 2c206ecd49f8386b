"""Charts of statistics: figures of Bokeh's that a page embeds, each with the table that it is drawn from.

To make a figure and tell it as JSON takes Bokeh some 70 ms, whatever is in it. So each is made once for a theme, and
from then on only its values, the ends of its axes and how they are written are put in.

A chart's colours are the page's own: they stand in `statistics.css`, once for each theme, and are read from there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from bokeh.document import Document
from bokeh.embed import json_item
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    DatetimeTicker,
    DatetimeTickFormatter,
    FactorRange,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from wsq.statistics import Day, Reason, Statistics
from wsq.views.page import words
from wsq.views.page.cards import Card
from wsq.views.page.live import resource
from wsq.vocabulary import STATUS_LABELS

HEIGHT = 210
"""Pixels of a chart; as wide as its place is."""

DAY = 86_400_000
"""Milliseconds of a day on an axis, where each calendar day is as wide as any other."""

FEW = 45
"""Days up to which each has a mark on its line."""

NOTHING = "Nothing ran in this span."

Column = tuple[str, str]
"""A column's heading, and what its cells are: day, count, share, seconds, dollars or text."""

Series = Sequence[tuple[str, str, Sequence[float | None]]]
"""Lines or parts of bars: what each is called, its colour's name, and its values."""


@functools.cache
def colours(theme: str) -> dict[str, str]:
    """The colours of a theme by name, as the style sheet has them under ``--chart-…``."""
    css = resource("statistics/statistics.css")
    blocks = {"light": r"\.wsq \{([^}]*)\}", "dark": r'\.wsq\[data-theme="dark"\] \{([^}]*)\}'}
    block = re.search(blocks[theme], css)
    assert block is not None, "the style sheet names the colours of both themes"
    return dict(re.findall(r"--chart-([a-z-]+): (#[0-9a-f]{6})", block[1]))


def charts(found: Statistics, theme: str) -> Iterator[Card]:
    """The charts of the page in their order, as messages: title, legend, table and what Bokeh draws."""
    for chart in (_executions, _rate, _duration, _cost, _tokens, _lateness):
        yield chart(found, theme)
    yield _reasons(found.failures, "failures", "Failures by reason", "failed", theme)
    yield _reasons(found.skips, "skips", "Skipped slots by reason", "skipped", theme)


def make_ready() -> None:
    """Make the first chart's figures beforehand, once: they would be waited for when its values are there."""
    for theme in ("light", "dark"):
        _over_days(tuple(name for name, _, _ in _PARTS), tuple(hue for _, hue, _ in _PARTS), theme, stacked=True)


# ---- the charts ----------------------------------------------------------------------------------

_PARTS: tuple[tuple[str, str, Callable[[Day], int]], ...] = (
    (STATUS_LABELS["completed"], "completed", lambda day: day.completed - day.could_not),
    ("Could not", "could-not", lambda day: day.could_not),
    (STATUS_LABELS["failed"], "failed", lambda day: day.failed),
    (STATUS_LABELS["cancelled"], "cancelled", lambda day: day.cancelled),
    (STATUS_LABELS["running"], "running", lambda day: day.running),
    (STATUS_LABELS["skipped"], "skipped", lambda day: day.skipped),
)


def _executions(found: Statistics, theme: str) -> Card:
    parts = [(name, colour, [count(day) for day in found.days]) for name, colour, count in _PARTS]
    return _by_day(
        "executions", "Executions per day", found, theme, parts, "count",
        note="Completed ones whose agent said that it could not do it stand apart.", stacked=True,
    )  # fmt: skip


def _rate(found: Statistics, theme: str) -> Card:
    lines = [("Success rate", "completed", [day.success_rate for day in found.days])]
    return _by_day(
        "rate", "Success rate per day", found, theme, lines, "share",
        note="Completed ÷ (completed + failed). A day on which nothing completed or failed has none.", top=1.0,
        empty="Nothing completed or failed in this span.",
    )  # fmt: skip


def _duration(found: Statistics, theme: str) -> Card:
    lines = [
        ("Median", "first", [day.duration_median for day in found.days]),
        ("95th percentile", "second", [day.duration_p95 for day in found.days]),
        ("Mean", "third", [day.duration_mean for day in found.days]),
    ]
    return _by_day(
        "duration", "Duration per day", found, theme, lines, "seconds",
        note="From start to end, of what completed or failed.", empty="Nothing completed or failed in this span.",
    )  # fmt: skip


def _cost(found: Statistics, theme: str) -> Card:
    bars = [("Cost", "first", [day.cost_usd for day in found.days])]
    unpriced = found.total.unpriced
    note = "In US dollars."
    if unpriced:
        note += f" {unpriced:,} {'execution is' if unpriced == 1 else 'executions are'} unpriced and not in it."
    return _by_day(
        "cost", "Cost per day", found, theme, bars, "dollars", note=note, stacked=True,
        empty="Nothing was spent in this span.",
        further=[("Unpriced executions", "count", [day.unpriced for day in found.days])],
    )  # fmt: skip


def _tokens(found: Statistics, theme: str) -> Card:
    parts = [
        ("Read from cache", "third", [day.cache_read_tokens for day in found.days]),
        ("Written to cache", "fourth", [day.cache_write_tokens for day in found.days]),
        ("Input", "first", [day.input_tokens for day in found.days]),
        ("Output", "second", [day.output_tokens for day in found.days]),
    ]
    return _by_day(
        "tokens", "Tokens per day", found, theme, parts, "count", stacked=True,
        note="Of every execution, however it ended.", empty="No model was asked in this span.",
        further=[("Cache share", "share", [day.cache_share for day in found.days])],
    )  # fmt: skip


def _lateness(found: Statistics, theme: str) -> Card:
    lines = [
        ("Median", "first", [day.lateness_median for day in found.days]),
        ("95th percentile", "second", [day.lateness_p95 for day in found.days]),
        ("Greatest", "fourth", [day.lateness_max for day in found.days]),
    ]
    return _by_day(
        "lateness", "Lateness of starts per day", found, theme, lines, "seconds",
        note="From slot to start, of automatic executions that were carried out.",
        empty="Nothing was started by a schedule in this span.",
    )  # fmt: skip


def _reasons(reasons: Sequence[Reason], name: str, title: str, colour: str, theme: str) -> Card:
    """Bars from the most frequent reason at the top to the rarest."""
    skips = name == "skips"
    counts = [each.slots if skips else each.executions for each in reasons]
    columns = [("Reason", "text"), *([("Slots", "count")] if skips else []), ("Executions", "count")]
    rows = [[each.reason, *([each.slots] if skips else []), each.executions] for each in reasons]
    chart = _chart(name, title, columns, rows)
    if not any(counts):
        return chart | {"empty": "No slot was skipped in this span." if skips else "Nothing failed in this span."}
    told = [in_words(each.reason) for each in reasons]
    data: dict[str, list[Any]] = {
        "reason": told,
        "count": counts,
        "whole": [max(counts) * 1.06] * len(counts),
        "told": [_counted(count, "slot" if skips else "execution") for count in counts],
    }
    ends: dict[str, dict[str, Any]] = {"x": {"start": 0, "end": max(counts) * 1.06}, "y": {"factors": told[::-1]}}
    return chart | {"item": _filled(_bars(colour, theme), data, ends), "legend": []}


@functools.cache
def _bars(colour: str, theme: str) -> Any:
    """Bars that lie, one for each reason."""
    drawn = _plain_figure(theme, x_range=Range1d(0, 1, name="x"), y_range=FactorRange("", name="y"))
    drawn.xaxis.ticker = BasicTicker(min_interval=1, desired_num_ticks=5)
    drawn.xaxis.formatter = NumeralTickFormatter(format="0,0")
    drawn.xgrid.grid_line_color, drawn.ygrid.grid_line_color = colours(theme)["grid"], None
    source = _source("reason", "count", "whole", "told")
    drawn.hbar(y="reason", right="count", height=0.62, source=source, color=colours(theme)[colour])
    whole = drawn.hbar(y="reason", right="whole", height=1, source=source, alpha=0)
    drawn.add_tools(_hover("@reason", [("@told", "")], whole, theme))
    return _as_item(drawn)


def _by_day(
    name: str,
    title: str,
    found: Statistics,
    theme: str,
    series: Series,
    kind: str,
    *,
    note: str,
    stacked: bool = False,
    top: float | None = None,
    further: Sequence[tuple[str, str, Sequence[float | None]]] = (),
    empty: str = NOTHING,
) -> Card:
    """Lines or stacked bars over the days of the span; `further` stands in the table and the hover alone.

    `empty` is said in place of the chart when executions there are have nothing to show in it.
    """
    days = [each.day for each in found.days]
    told = [*((label, kind) for label, _, _ in series), *((label, each) for label, each, _ in further)]
    values = [*(each for _, _, each in series), *(each for _, _, each in further)]
    rows = [[day.isoformat(), *row] for day, *row in zip(days, *values, strict=True)]
    chart = _chart(name, title, [("Day", "day"), *told], rows, note)
    chart["legend"] = [{"name": label, "colour": colour} for label, colour, _ in series] if len(series) > 1 else []
    if not _anything(found.days, series, stacked=stacked):
        return chart | {"empty": empty if any(day.executions or day.skipped for day in found.days) else NOTHING}
    unit, suffix = _unit(kind, series)
    highest = _highest(series, stacked=stacked) / unit or 1.0
    ends: dict[str, dict[str, Any]] = {
        "x": {"start": _at(days[0]) - DAY / 2, "end": _at(days[-1]) + DAY / 2},
        "y": {"start": 0, "end": top * 1.04 if top is not None else highest * 1.08},
    }
    data: dict[str, list[Any]] = {
        "day": [_at(day) for day in days],
        "label": [f"{day:%a %d %B %Y}" for day in days],
        "whole": [ends["y"]["end"]] * len(days),
    }
    for place, (_, _, each) in enumerate(series):
        data[f"s{place}"] = [(0 if stacked else _NAN) if value is None else value / unit for value in each]
    for place, ((_, form), column) in enumerate(zip(told, values, strict=True)):
        data[f"t{place}"] = [written(value, form) for value in column]
    names, hues = tuple(label for label, _ in told), tuple(colour for _, colour, _ in series)
    ends |= _written_axes(_form(kind, suffix, highest), len(days))
    return chart | {"item": _filled(_over_days(names, hues, theme, stacked=stacked), data, ends)}


def _written_axes(form: str, days: int) -> dict[str, dict[str, Any]]:
    """What is put into a figure over so many days for its numbers to be written in this form."""
    numeral = "%" not in form or form.endswith("0%")
    return {
        "form": {_CLASS: "NumeralTickFormatter" if numeral else "PrintfTickFormatter", "format": form},
        "steps": {"min_interval": 1 if form.startswith("0,0") else 0},
        "ticks": {"desired_num_ticks": min(6, days)},
        "mark": {"size": {"type": "value", "value": 3 if days > FEW else 5}},
    }


@functools.cache
def _over_days(names: tuple[str, ...], hues: tuple[str, ...], theme: str, *, stacked: bool) -> Any:
    """Lines or stacked bars: `names` are what the hover tells, the first of them in these `hues`."""
    drawn = _plain_figure(
        theme, x_axis_type="datetime", x_range=Range1d(0, 1, name="x"), y_range=Range1d(0, 1, name="y")
    )
    drawn.yaxis.formatter = NumeralTickFormatter(name="form")
    drawn.yaxis.ticker = BasicTicker(desired_num_ticks=5, name="steps")
    drawn.xaxis.ticker = DatetimeTicker(name="ticks")
    drawn.xaxis.formatter = DatetimeTickFormatter(hours="%d %b", days="%d %b", months="%b %Y", years="%Y")
    parts = [f"s{place}" for place in range(len(hues))]
    source = _source("day", "label", "whole", *parts, *(f"t{place}" for place in range(len(names))))
    colour = [colours(theme)[hue] for hue in hues]
    if stacked:
        drawn.vbar_stack(parts, x="day", width=DAY * 0.74, source=source, fill_color=colour, line_color=None)
    else:  # lines break where there is no value; a value between two gaps is a mark alone
        for part, hue in zip(parts, colour, strict=True):
            drawn.line(x="day", y=part, source=source, line_width=2, color=hue, line_join="round")
            drawn.scatter(x="day", y=part, source=source, color=hue).glyph.name = "mark"
    whole = drawn.vbar(x="day", width=DAY, bottom=0, top="whole", source=source, alpha=0)
    drawn.add_tools(_hover("@label", [(name, f"@t{place}") for place, name in enumerate(names)], whole, theme))
    return _as_item(drawn)


def _as_item(drawn: Any) -> Any:
    """A figure as its page embeds it, in a document of its own.

    Else Bokeh looks at the current one of the process. A message that it cannot read leaves a page's there for good,
    and when that page is closed no figure could be made any more, for nobody.
    """
    document = Document()
    document.add_root(drawn)
    return json_item(drawn)


# ---- drawing -------------------------------------------------------------------------------------


def _plain_figure(theme: str, **given: Any) -> Any:
    """A figure without a frame, on whatever lies below it."""
    colour = colours(theme)
    drawn = figure(
        height=HEIGHT, sizing_mode="stretch_width", toolbar_location=None, tools="", min_border=4,
        background_fill_color=None, border_fill_color=None, outline_line_color=None, **given,
    )  # fmt: skip
    for axis in drawn.axis:
        axis.axis_line_color = axis.major_tick_line_color = colour["grid"]
        axis.minor_tick_line_color = None
        axis.major_label_text_color = colour["label"]
        axis.major_label_text_font = "ui-sans-serif, system-ui, sans-serif"
        axis.major_label_text_font_size = "11px"
    drawn.xgrid.grid_line_color = None
    drawn.ygrid.grid_line_color = colour["grid"]
    drawn.yaxis.axis_line_color = drawn.yaxis.major_tick_line_color = None
    return drawn


def _source(*columns: str) -> ColumnDataSource:
    """Where the values will be."""
    return ColumnDataSource({column: [] for column in columns}, name="values")


def _hover(title: str, rows: Iterable[tuple[str, str]], over: Any, theme: str) -> HoverTool:
    """What is said of the bar or the day under the pointer; Bokeh escapes what it puts in for the names after ``@``."""
    colour = colours(theme)
    body = "".join(
        f'<div style="display:flex;gap:14px"><span style="flex:1;color:{colour["label"]}">{name}</span>'
        f"<span>{field}</span></div>"
        for name, field in rows
    )
    box = (
        f"background:{colour['tip']};color:{colour['tip-text']};margin:-6px;padding:8px 11px;"
        f"border:1px solid {colour['label']};font:12px/1.5 ui-sans-serif,system-ui,sans-serif"
    )
    told = f'<div style="{box}"><div style="font-weight:600">{title}</div>{body}</div>'
    return HoverTool(
        tooltips=told, renderers=[over], point_policy="follow_mouse", attachment="horizontal", show_arrow=False
    )


_CLASS = "class"
"""Among the attributes to be put in, the name of the model that has them."""

_NAN = {"type": "number", "value": "nan"}
"""How Bokeh's JSON tells what is no number."""


def _filled(template: Any, data: dict[str, list[Any]], ends: dict[str, dict[str, Any]]) -> Any:
    """A figure's JSON with these values, and with these ends of its axes."""
    if isinstance(template, list):
        return [_filled(each, data, ends) for each in template]
    if not isinstance(template, dict):
        return template
    filled = {name: _filled(each, data, ends) for name, each in template.items()}
    name = template["attributes"].get("name") if template.get("type") == "object" and "attributes" in template else None
    if name == "values":
        filled["attributes"]["data"] = {"type": "map", "entries": [[column, values] for column, values in data.items()]}
    elif name in ends:
        filled["attributes"] |= {key: value for key, value in ends[name].items() if key != _CLASS}
        filled["name"] = ends[name].get(_CLASS, template["name"])
    return filled


# ---- words and numbers ---------------------------------------------------------------------------


def _chart(name: str, title: str, columns: Sequence[Column], rows: list[list[Any]], note: str = "") -> Card:
    return {
        "id": name,
        "title": title,
        "note": note,
        "columns": [{"name": heading, "kind": kind} for heading, kind in columns],
        "rows": rows,
        "item": None,
        "empty": None,
    }


def in_words(reason: str) -> str:
    """A reason's stable word as people read it: ``Timed out``."""
    return reason.replace("_", " ").capitalize()


def written(value: float | None, kind: str) -> str:
    """A value with its unit; nothing as a dash."""
    if value is None:
        return "–"
    if kind == "share":
        return words.share(value)
    if kind == "seconds":
        return _length(value)
    if kind == "dollars":
        return words.money(value)
    return f"{value:,.0f}"


def _length(seconds: float) -> str:
    if abs(seconds) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _form(kind: str, suffix: str, highest: float) -> str:
    """How the numbers of an axis are written, for Bokeh's formatter of numerals or (with a ``%``) of any."""
    if suffix:
        return f"%.6g{suffix}"
    if kind == "dollars":
        return "$0,0.00" if highest >= 0.1 else "$0.0000"
    return {"count": "0,0", "share": "0%"}[kind]


def _unit(kind: str, series: Series) -> tuple[float, str]:
    """What an axis counts in, and how that is written behind its numbers."""
    highest = _highest(series, stacked=kind == "count")
    steps = {
        "seconds": ((3 * 3600, 3600.0, " h"), (180, 60.0, " min"), (0, 1.0, " s")),
        "count": ((1_000_000, 1e6, " M"), (10_000, 1e3, " k")),
    }
    return next(((unit, suffix) for least, unit, suffix in steps.get(kind, ()) if highest >= least), (1.0, ""))


def _highest(series: Series, *, stacked: bool) -> float:
    known = [[value or 0.0 for value in each] for _, _, each in series]
    if stacked:
        return max((sum(day) for day in zip(*known, strict=True)), default=0.0)
    return max((value for each in known for value in each), default=0.0)


def _anything(days: Iterable[Day], series: Series, *, stacked: bool) -> bool:
    """Whether there is something to draw: bars of no height are nothing, a line at zero is something."""
    if not any(day.executions or day.skipped for day in days):
        return False
    return any(value if stacked else value is not None for _, _, each in series for value in each)


def _at(day: date) -> float:
    """A day on a datetime axis, which is drawn in UTC whatever zone the days are of."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000
