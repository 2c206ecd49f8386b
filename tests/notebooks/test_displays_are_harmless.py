"""Whatever a stranger wrote into any field, a cell shows it as text: every kind of row, every list, every picture."""

import contextlib
import functools
import importlib
import pkgutil
import types
import typing
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pandas as pd
import pytest
from IPython.lib.pretty import pretty

from tests.views.payloads import PAYLOADS
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.errors import InvalidInput
from wsq.projections import Rows
from wsq.projections.display import one_line
from wsq.projections.rows import Row
from wsq.views import Bars, Board, Library
from wsq.views.since.component import SincePage
from wsq.views.statistics.component import StatisticsPage

TEXTS = [payload.text for payload in PAYLOADS]
TERMINAL = "\x1b]0;gone\x07\x1b[2J\u202ereversed\r\x9b31m"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TAGS = {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "b", "br", "ul", "li", "h3", "h4", "div"}
STYLES = ("text-align", "white-space", "vertical-align")


class Seen(HTMLParser):
    """What a browser makes of markup: tags, attributes, and the texts between them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = set(), set(), [], 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= set(attrs)
        self.open += tag != "br"

    def handle_endtag(self, tag):
        self.open -= 1

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.tags.add("a comment")


def assert_harmless(html):
    seen = Seen(html)
    assert seen.tags <= TAGS
    for name, value in seen.attributes:
        assert name in ("style", "class", "colspan", "scope"), (name, value)
        if name == "style":
            assert all(part.split(":")[0].strip() in STYLES for part in value.split(";") if part.strip()), value
    assert seen.open == 0
    return seen


def rooms():
    """Every module of the package in which a kind of row may be."""
    for name in ("projections", "queries", "rules", "runner", "statistics"):
        package = importlib.import_module(f"wsq.{name}")
        for found in pkgutil.iter_modules(package.__path__, f"wsq.{name}."):
            importlib.import_module(found.name)


def kinds(base=Row):
    rooms()
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


@functools.cache
def hints_of(kind):
    return typing.get_type_hints(kind, vars(importlib.import_module(kind.__module__)))


def filled(kind, text):
    """A value of a type in which every text is `text`."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return filled(next(each for each in inner if each is not type(None)), text)
    if origin is typing.Literal:
        return inner[0]
    if origin is not None and issubclass(origin, Rows):
        return origin([filled(inner[0], text)], kind=inner[0])
    if origin in (dict, Mapping):
        return {filled(inner[0], text): filled(inner[1], text)}
    if origin in (tuple, list, Sequence):
        return (tuple if origin is tuple else list)([filled(inner[0], text)])
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = hints_of(kind)
        names = kind.__struct_fields__
        return kind(**{name: "UTC" if name == "timezone" else filled(hints[name], text) for name in names})
    simple = {int: 2, float: 0.5, bool: True, datetime: NOON, timedelta: timedelta(hours=1)}
    return simple.get(kind, text)


def test_every_kind_of_row_is_known_here():
    assert {"Task", "Execution", "Change", "DryRun", "Line", "Alert", "Since", "TaskOverview", "Violation"} <= {
        kind.__name__ for kind in kinds()
    }


@pytest.mark.parametrize("kind", [*dict.fromkeys(kinds())], ids=lambda kind: kind.__name__)
def test_a_row_and_a_list_of_rows_show_texts_as_texts(kind):
    for text in TEXTS:
        assert_harmless(filled(kind, text)._repr_html_())
    for some in (TEXTS[:40], TEXTS[40:]):
        assert_harmless(Rows([filled(kind, text) for text in some], kind=kind)._repr_html_())
    for row in (filled(kind, TERMINAL), filled(kind, "\ud7ff\x00")):
        assert_harmless(row._repr_html_())
        for told in (pretty(row), pretty([row]), pretty(Rows([row], kind=kind))):
            assert not [sign for sign in told if (ord(sign) < 32 and sign != "\n") or sign in "\x9b\u202e"], told


def test_a_prompt_that_is_tried_shows_what_the_model_says_as_text(open_workspace):
    script = [
        call(*[("create_task", {"title": text}) for text in TEXTS[:18]]),
        lambda request: finish("done", TEXTS[0]),
    ]
    acme = open_workspace(provider=ScriptedProvider(script)).store("acme")
    acme.create_task(TEXTS[1])

    tried = acme.dry_run(TEXTS[2])

    assert len(tried.changes) == 18
    seen = assert_harmless(tried._repr_html_())
    assert TEXTS[0] in seen.texts  # what it came to
    shown = {text[:40] for text in seen.texts}
    assert {text[:40] for text in TEXTS[:18]} <= shown  # and what it would make
    assert "DryRun" not in pretty(tried)


def test_the_still_picture_of_a_board_shows_texts_as_texts(acme):
    for text in TEXTS:
        acme.create_task(text, assignees=[text])
    acme.create_recurring_task(TEXTS[0], TEXTS[0], every="1 day", assignees=[TEXTS[1]], description=TEXTS[2])
    board = Board(acme)

    seen = assert_harmless(board.to_html())
    board.close()

    assert set(map(one_line, TEXTS)) <= set(seen.texts)


def test_a_cell_has_the_beginning_of_long_lanes_and_counts_the_rest(acme):
    for number in range(53):
        acme.create_task(f"task {number}")
    acme.create_task("alone", status="doing")
    board = Board(acme)

    seen = Seen(board.cell_html())
    board.close()

    assert len([text for text in seen.texts if text.startswith("task ")]) == 50
    assert {"To do · 53", "… and 3 more", "Doing · 1", "alone"} <= set(seen.texts)


@pytest.mark.parametrize("page", [Library, StatisticsPage, SincePage], ids=lambda page: page.__name__)
def test_the_still_picture_of_a_page_shows_texts_as_texts(acme, page):
    for text in TEXTS[:5]:
        with contextlib.suppress(InvalidInput):  # a name has one line
            acme.create_project(text)
        acme.create_task(text)
    shown = page(acme)

    seen = assert_harmless(shown.cell_html())
    shown.close()

    assert seen.texts


def test_a_chart_shows_texts_as_texts():
    for text in TEXTS:
        drawn = Bars(pd.DataFrame({text: [1, 2]}, index=[text, "b"]), title=text)._repr_svg_()
        root = ET.fromstring(drawn)
        assert {each.tag.split("}")[1] for each in root.iter()} <= {"svg", "text", "rect", "path", "title"}
        assert not [name for each in root.iter() for name in each.attrib if name.startswith("on") or "href" in name]
        assert text in [each.text for each in root.iter()]


def test_a_chart_is_as_high_as_its_numbers():
    frame = pd.DataFrame({"done": [3, 0, None], "failed": [1, 2, 0]}, index=["Mon", "Tue", "Wed"])

    drawn = ET.fromstring(Bars(frame, "Runs")._repr_svg_())

    name = "{http://www.w3.org/2000/svg}"
    bars = {each[0].text: float(each.get("height")) for each in drawn.iter(f"{name}rect") if len(each)}
    assert set(bars) == {"Mon: done 3", "Mon: failed 1", "Tue: failed 2"}
    assert bars["Mon: done 3"] == pytest.approx(3 * bars["Mon: failed 1"], abs=0.2)
    assert [each.text for each in drawn.iter(f"{name}text")][1:6] == ["0", "1", "2", "3", "4"]
    assert pretty(Bars(frame, "Runs")) == "Runs: done 3, failed 3 (3 bars)"


def test_a_chart_of_nothing_and_of_one_bar_can_be_drawn():
    for frame in (pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame({"a": [0]}), pd.DataFrame({"a": [0.004]})):
        assert ET.fromstring(Bars(frame)._repr_svg_()).get("width") == "720"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (-1, "Column 'a' contains -1; bars need numbers of at least 0."),
        (float("inf"), "Column 'a' contains inf; bars need numbers of at least 0."),
        ("x", "Column 'a' contains 'x', which is not a number."),
    ],
)
def test_a_chart_of_what_has_no_length_is_refused(value, sentence):
    with pytest.raises(InvalidInput, match=f"^{sentence}$"):
        Bars(pd.DataFrame({"a": [value]}))


def test_a_board_without_a_card_has_a_still_picture(ws):
    ws.create_store("empty")
    board = Board(ws.store("empty"))

    seen = assert_harmless(board.to_html())
    board.close()

    assert [text.strip() for text in seen.texts if text.strip()] == [
        "Recurring · 0", "To do · 0", "Doing · 0", "In review · 0", "Done · 0"
    ]  # fmt: skip
