"""Statistics charts: Bokeh figures, each with the table of its values.

Building a figure and serializing it takes Bokeh about 70 ms, whatever it contains. So each figure is built once per
theme; after that only its values, axis ranges and number formats are filled in.

A chart's colours are the page's: they are defined in `statistics.css`, once per theme, and read from there.
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

from wsq.projections.display import length
from wsq.statistics import Day, Reason, Statistics
from wsq.views.live.component import resource
from wsq.views.page import words
from wsq.views.page.cards import Card
from wsq.vocabulary import STATUS_LABELS, phrase

HEIGHT = 210
"""Height of a chart in pixels; its width follows the page."""

DAY = 86_400_000
"""Milliseconds of a day on an axis, where all calendar days have the same width."""

FEW = 45
"""Maximum number of days for which lines have large markers."""

NOTHING = "Nothing ran in this span."

Column = tuple[str, str]
"""A column's heading, and the kind of its cells: day, count, share, seconds, dollars or text."""

Series = Sequence[tuple[str, str, Sequence[float | None]]]
"""Lines or stacked bars: label, colour name, and values."""


@functools.cache
def colours(theme: str) -> dict[str, str]:
    """Return a theme's colours by name, from the style sheet's ``--chart-…``."""
    css = resource("statistics/statistics.css")
    blocks = {"light": r"\.wsq \{([^}]*)\}", "dark": r'\.wsq\[data-theme="dark"\] \{([^}]*)\}'}
    block = re.search(blocks[theme], css)
    assert block is not None, "the style sheet defines the colours of both themes"
    return dict(re.findall(r"--chart-([a-z-]+): (#[0-9a-f]{6})", block[1]))


def charts(found: Statistics, theme: str) -> Iterator[Card]:
    """Yield the page's charts in order, as messages: title, legend, table and Bokeh's JSON."""
    for chart in (_executions, _rate, _duration, _cost, _tokens, _lateness):
        yield chart(found, theme)
    yield _reasons(found.failures, "failures", "Failures by reason", "failed", theme)
    yield _reasons(found.skips, "skips", "Skipped scheduled runs by reason", "skipped", theme)


def make_ready() -> None:
    """Build the first chart's figures ahead, so that they are ready when the values are."""
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
        "executions", "Runs per day", found, theme, parts, "count",
        note="Runs whose agent could not do the task are shown separately.", stacked=True,
    )  # fmt: skip


def _rate(found: Statistics, theme: str) -> Card:
    lines = [("Success rate", "completed", [day.success_rate for day in found.days])]
    return _by_day(
        "rate", "Success rate per day", found, theme, lines, "share",
        note="Completed ÷ (completed + failed). Days on which nothing completed or failed have no rate.", top=1.0,
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
        note="From start to end, of completed and failed runs.",
        empty="Nothing completed or failed in this span.",
    )  # fmt: skip


def _cost(found: Statistics, theme: str) -> Card:
    bars = [("Cost", "first", [day.cost_usd for day in found.days])]
    unpriced = found.total.unpriced
    note = "In US dollars."
    if unpriced:
        note += f" Without {unpriced:,} unpriced {'run' if unpriced == 1 else 'runs'}."
    return _by_day(
        "cost", "Cost per day", found, theme, bars, "dollars", note=note, stacked=True,
        empty="Nothing was spent in this span.",
        further=[("Unpriced runs", "count", [day.unpriced for day in found.days])],
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
        note="Of all runs, however they ended.", empty="No model was used in this span.",
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
        note="From scheduled time to start, of automatic runs.",
        empty="No automatic run started in this span.",
    )  # fmt: skip


def _reasons(reasons: Sequence[Reason], name: str, title: str, colour: str, theme: str) -> Card:
    """Return bars from the most frequent reason at the top to the rarest."""
    skips = name == "skips"
    counts = [each.slots if skips else each.executions for each in reasons]
    columns = [("Reason", "text"), *([("Scheduled runs", "count")] if skips else []), ("Runs", "count")]
    rows = [[each.reason, *([each.slots] if skips else []), each.executions] for each in reasons]
    chart = _chart(name, title, columns, rows)
    if not any(counts):
        return chart | {
            "empty": "No scheduled run was skipped in this span." if skips else "Nothing failed in this span."
        }
    labels = [in_words(each.reason) for each in reasons]
    data: dict[str, list[Any]] = {
        "reason": labels,
        "count": counts,
        "whole": [max(counts) * 1.06] * len(counts),
        "label": [_counted(count, "scheduled run" if skips else "run") for count in counts],
    }
    ends: dict[str, dict[str, Any]] = {"x": {"start": 0, "end": max(counts) * 1.06}, "y": {"factors": labels[::-1]}}
    return chart | {"item": _filled(_bars(colour, theme), data, ends), "legend": []}


@functools.cache
def _bars(colour: str, theme: str) -> Any:
    """Build a figure of horizontal bars, one per reason."""
    drawn = _plain_figure(theme, x_range=Range1d(0, 1, name="x"), y_range=FactorRange("", name="y"))
    drawn.xaxis.ticker = BasicTicker(min_interval=1, desired_num_ticks=5)
    drawn.xaxis.formatter = NumeralTickFormatter(format="0,0")
    drawn.xgrid.grid_line_color, drawn.ygrid.grid_line_color = colours(theme)["grid"], None
    source = _source("reason", "count", "whole", "label")
    drawn.hbar(y="reason", right="count", height=0.62, source=source, color=colours(theme)[colour])
    whole = drawn.hbar(y="reason", right="whole", height=1, source=source, alpha=0)
    drawn.add_tools(_hover("@reason", [("@label", "")], whole, theme))
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
    """Return lines or stacked bars over the days of the span; `further` is only in the table and the tooltip.

    `empty` replaces the chart if the span has executions, but none with values for it.
    """
    days = [each.day for each in found.days]
    fields = [*((label, kind) for label, _, _ in series), *((label, each) for label, each, _ in further)]
    values = [*(each for _, _, each in series), *(each for _, _, each in further)]
    rows = [[day.isoformat(), *row] for day, *row in zip(days, *values, strict=True)]
    chart = _chart(name, title, [("Day", "day"), *fields], rows, note)
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
    for place, ((_, form), column) in enumerate(zip(fields, values, strict=True)):
        data[f"t{place}"] = [written(value, form) for value in column]
    names, hues = tuple(label for label, _ in fields), tuple(colour for _, colour, _ in series)
    ends |= _written_axes(_form(kind, suffix, highest), len(days))
    return chart | {"item": _filled(_over_days(names, hues, theme, stacked=stacked), data, ends)}


def _written_axes(form: str, days: int) -> dict[str, dict[str, Any]]:
    """Return what to fill into a figure for this number format and number of days."""
    numeral = "%" not in form or form.endswith("0%")
    return {
        "form": {_CLASS: "NumeralTickFormatter" if numeral else "PrintfTickFormatter", "format": form},
        "steps": {"min_interval": 1 if form.startswith("0,0") else 0},
        "ticks": {"desired_num_ticks": min(6, days)},
        "mark": {"size": {"type": "value", "value": 3 if days > FEW else 5}},
    }


@functools.cache
def _over_days(names: tuple[str, ...], hues: tuple[str, ...], theme: str, *, stacked: bool) -> Any:
    """Build a figure of lines or stacked bars: `names` are the tooltip's lines, the first of them in these `hues`."""
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
    else:  # lines break where there is no value; a single value between two gaps is a marker
        for part, hue in zip(parts, colour, strict=True):
            drawn.line(x="day", y=part, source=source, line_width=2, color=hue, line_join="round")
            drawn.scatter(x="day", y=part, source=source, color=hue).glyph.name = "mark"
    whole = drawn.vbar(x="day", width=DAY, bottom=0, top="whole", source=source, alpha=0)
    drawn.add_tools(_hover("@label", [(name, f"@t{place}") for place, name in enumerate(names)], whole, theme))
    return _as_item(drawn)


def _as_item(drawn: Any) -> Any:
    """Serialize a figure for its page, in its own document.

    Otherwise Bokeh would use the process's current document. An invalid message leaves a page's document there for
    good, and after that page is closed no figure could be built any more.
    """
    document = Document()
    document.add_root(drawn)
    return json_item(drawn)


# ---- building figures ----------------------------------------------------------------------------


def _plain_figure(theme: str, **given: Any) -> Any:
    """Build a figure without frame and background."""
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
    """Return an empty data source, to be filled."""
    return ColumnDataSource({column: [] for column in columns}, name="values")


def _hover(title: str, rows: Iterable[tuple[str, str]], over: Any, theme: str) -> HoverTool:
    """Return a tooltip for the bar or day under the pointer. Bokeh escapes the values of names after ``@``."""
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
    tooltip = f'<div style="{box}"><div style="font-weight:600">{title}</div>{body}</div>'
    return HoverTool(
        tooltips=tooltip, renderers=[over], point_policy="follow_mouse", attachment="horizontal", show_arrow=False
    )


_CLASS = "class"
"""The key of the model's name among the attributes to fill in."""

_NAN = {"type": "number", "value": "nan"}
"""NaN in Bokeh's JSON."""


def _filled(template: Any, data: dict[str, list[Any]], ends: dict[str, dict[str, Any]]) -> Any:
    """Return a figure's JSON with these values and attributes filled in."""
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
    """Return a reason for people: ``Timed out``."""
    return phrase(reason).capitalize()


def written(value: float | None, kind: str) -> str:
    """Return a value with its unit; a dash for None."""
    if value is None:
        return "–"
    if kind == "share":
        return words.share(value)
    if kind == "seconds":
        return length(value)
    if kind == "dollars":
        return words.money(value)
    return f"{value:,.0f}"


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _form(kind: str, suffix: str, highest: float) -> str:
    """Return the number format of an axis, for Bokeh's numeral formatter or (with a ``%``) its printf formatter."""
    if suffix:
        return f"%.6g{suffix}"
    if kind == "dollars":
        return "$0,0.00" if highest >= 0.1 else "$0.0000"
    return {"count": "0,0", "share": "0%"}[kind]


def _unit(kind: str, series: Series) -> tuple[float, str]:
    """Return the unit of an axis as a factor, and its suffix."""
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
    """Whether there is something to draw: bars of height zero are nothing, a line at zero is something."""
    if not any(day.executions or day.skipped for day in days):
        return False
    return any(value if stacked else value is not None for _, _, each in series for value in each)


def _at(day: date) -> float:
    """Return a day's position on a datetime axis, which is in UTC whatever the days' zone."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000
