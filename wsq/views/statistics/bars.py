"""A small chart for notebook cells: stacked bars as a static, reproducible SVG of a few kilobytes."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from wsq.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 56, 28
"""Space for the axes, and for title and legend above the bars, in pixels."""

BLUE, GREEN, AMBER, RED, VIOLET, GREY = "#4f7cd8", "#2f9e6e", "#d9822b", "#c2484f", "#8a63c9", "#7a828e"
COLOURS = (BLUE, GREEN, AMBER, RED, VIOLET, GREY)
"""One colour per column, in order and repeated; each is visible on white and on black."""

MEANT = {
    "done": GREEN, "completed": GREEN, "failed": RED, "could_not": RED, "missed": AMBER, "skipped": AMBER,
    "todo": GREY, "doing": BLUE, "in_review": VIOLET, "cancelled": GREY, "nothing_to_do": GREY,
}  # fmt: skip
"""The pages' colours for columns with these names."""

INK = GREY
LABELS = 10
"""Maximum number of labels below the bars."""


class Bars:
    """One bar per row of a DataFrame, stacked from its numeric columns; the index labels the bars.

    Missing values count as zero. Displays itself as the last line of a cell.

    Raises:
        InvalidInput: A number is negative or infinite, or a column is not numeric.
    """

    def __init__(self, frame: pd.DataFrame, title: str = "") -> None:
        self.title = title
        self.names = [_label(name) for name in frame.index]
        self.columns = {str(name): [_number(value, name) for value in frame[name]] for name in frame.columns}

    def _repr_svg_(self) -> str:
        step = _step(max(map(sum, self._stacks()), default=0))
        top = step * max(1, math.ceil(max(map(sum, self._stacks()), default=0) / step))
        body = [self._head(), *_lines(step, top), *self._legend(), *self._bars(top), *self._labels()]
        return "\n".join([*body, "</svg>"])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - IPython's protocol
        printer.text(self._in_words())

    def _in_words(self) -> str:
        sums = ", ".join(f"{name} {sum(values):g}" for name, values in self.columns.items())
        return f"{self.title or 'Bars'}: {sums or 'nothing'} ({len(self.names)} bars)"

    def _stacks(self) -> list[tuple[float, ...]]:
        return list(zip(*self.columns.values(), strict=True))

    def _head(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" role="img" aria-label="{escape(self._in_words())}" '
            f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">\n'
            f'<text x="0" y="16" font-size="14" font-weight="600">{escape(self.title)}</text>'
        )

    def _legend(self) -> list[str]:
        parts, x = [], LEFT
        for place, name in enumerate(self.columns):
            parts.append(f'<rect x="{x}" y="31" width="10" height="10" rx="2" fill="{_colour(place, name)}"/>')
            parts.append(f'<text x="{x + 15}" y="40">{escape(name)}</text>')
            x += 32 + 7 * len(name)
        return parts

    def _bars(self, top: float) -> list[str]:
        wide = self._pitch() * 0.7
        drawn = []
        for number, stack in enumerate(self._stacks()):
            x, below = LEFT + self._pitch() * (number + 0.15), 0.0
            for place, (name, value) in enumerate(zip(self.columns, stack, strict=True)):
                high = (HEIGHT - TOP - BOTTOM) * value / top
                y = HEIGHT - BOTTOM - below - high
                below += high
                if value:
                    text = escape(f"{self.names[number]}: {name} {value:g}")
                    drawn.append(
                        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
                        f'fill="{_colour(place, name)}"><title>{text}</title></rect>'
                    )
        return drawn

    def _labels(self) -> list[str]:
        every = max(1, math.ceil(len(self.names) / LABELS))
        return [
            f'<text x="{LEFT + self._pitch() * (number + 0.5):.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
            f"{escape(name)}</text>"
            for number, name in enumerate(self.names)
            if number % every == 0
        ]

    def _pitch(self) -> float:
        return (WIDTH - LEFT - RIGHT) / max(1, len(self.names))


def _lines(step: float, top: float) -> list[str]:
    """Return the horizontal grid lines with their values."""
    drawn = []
    for number in range(round(top / step) + 1):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * number * step / top
        drawn.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{INK}" stroke-opacity="0.3"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number * step:g}</text>')
    return drawn


def _step(highest: float) -> float:
    """Return the distance of grid lines: 1, 2 or 5 times a power of ten, for at most five intervals."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest / 5))
    return next(power * few for few in (1, 2, 5, 10) if power * few * 5 >= highest * (1 - 1e-9))


def _colour(place: int, name: str) -> str:
    return MEANT.get(name, COLOURS[place % len(COLOURS)])


def _number(value: Any, column: Any) -> float:
    try:
        number = 0.0 if value is None or value != value else float(value)  # NaN is missing
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Column {column!r} contains {value!r}, which is not a number.") from error
    if not 0 <= number < math.inf:
        raise InvalidInput(f"Column {column!r} contains {number:g}; bars need numbers of at least 0.")
    return number


def _label(name: Any) -> str:
    """Return the label of a bar; midnights are shown as dates."""
    return str(name).removesuffix(" 00:00:00")
