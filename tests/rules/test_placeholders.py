"""Four names in double braces, replaced once; everything else is text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsq.rules.placeholders import NAMES, replaced, unknown

VALUES = {"project": "Launch", "scheduled_time": "09:00", "last_outcome": "done", "today": "2026-03-02"}


@pytest.mark.parametrize(
    ("prompt", "becomes"),
    [
        ("Of {{project}} today, {{ today }}.", "Of Launch today, 2026-03-02."),
        ("{{last_outcome}}{{scheduled_time}}", "done09:00"),
        ("{{\ttoday  }}", "2026-03-02"),
        ("{{Today}} {{to day}} {{tomorrow}} {{}} {today} {{today} { {today}}", None),
        ("{{{today}}}", "{2026-03-02}"),
        ("{{today\n}}", None),
        ("{{project}", None),
        ("", ""),
    ],
)
def test_the_four_names_are_replaced_and_all_other_braces_stay(prompt, becomes):
    assert replaced(prompt, VALUES) == (prompt if becomes is None else becomes)


def test_a_value_that_holds_a_placeholder_stays_as_it_is():
    values = {**VALUES, "project": "{{today}} {{project}}", "today": "{{last_outcome}}"}

    assert replaced("{{project}} {{today}}", values) == "{{today}} {{project}} {{last_outcome}}"


def test_a_name_without_a_value_stays():
    assert replaced("{{today}} {{project}}", {"today": "now"}) == "now {{project}}"
    assert replaced("{{password}}", {"password": "secret"}) == "{{password}}"


@given(st.text())
def test_a_prompt_without_double_braces_is_untouched(prompt):
    plain = prompt.replace("{{", "{ {")

    assert replaced(plain, VALUES) == plain


@given(st.lists(st.one_of(st.text("{} abc\n"), st.sampled_from([f"{{{{{name}}}}}" for name in NAMES])), max_size=8))
def test_replacing_is_one_pass_over_the_prompt(pieces):
    marked = {name: f"\N{WHITE SQUARE}{name}\N{WHITE SQUARE}" for name in NAMES}
    prompt = "".join(pieces)

    told = replaced(prompt, marked)

    for name, mark in marked.items():
        assert told.count(mark) == prompt.replace(" ", "").count(f"{{{{{name}}}}}")


def test_unknown_names_are_told_once_each_in_their_order():
    assert unknown("{{b}} {{today}} {{ a }} {{b}} {c} {{}}") == ["b", "a"]
    assert unknown("Nothing here.") == []
