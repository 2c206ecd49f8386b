"""Texts are cut between characters as people see them: `\\X` of the `regex` package is the judge."""

import subprocess
import sys
import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from wsq.views.page.cards import LONGEST, shortened

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1e9\U0001f1ea"
ACCENTED = "e\u0301\u0323"
SYLLABLE = "\u1112\u1161\u11ab"  # Hangul as three letters
CONJUNCT = "\u0915\u094d\u0937\u093f"
THUMB = "\U0001f44d\U0001f3fd"
OTHERS = ["\r\n", "\n", "\r", " ", "a", "é", "漢", "\u0301", "\u200d"]
PIECES = [FAMILY, FLAG, ACCENTED, SYLLABLE, CONJUNCT, THUMB, *OTHERS]

texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60)


def characters(text):
    return regex.findall(r"\X", text)


@pytest.mark.parametrize("character", [FAMILY, FLAG, ACCENTED, SYLLABLE, CONJUNCT, THUMB])
def test_a_character_of_many_code_points_counts_as_one_and_stays_whole(character):
    assert shortened(character * 6, 5) == character * 5 + "…"
    assert shortened(character * 5, 5) == character * 5
    assert shortened(f"ab{character}cd", 3) == f"ab{character}…"


def test_the_two_halves_of_a_line_break_are_not_parted():
    assert shortened("ab\r\ncd", 4) == "ab\r\nc…"
    assert shortened("ab\r\ncd", 5) == "ab\r\ncd"


@given(text=texts, limit=st.integers(1, 30))
def test_what_is_left_of_a_text_are_its_first_characters(text, limit):
    whole = characters(text)

    cut = shortened(text, limit)

    if len(whole) <= limit:
        assert cut == text
    else:
        assert cut == "".join(whole[:limit]).rstrip() + "…"


@given(text=texts.map(lambda text: text + "\u0301" * 3 * LONGEST + text), limit=st.integers(1, 3))
def test_a_character_that_is_too_long_is_left_out_rather_than_cut(text, limit):
    whole = characters(text)

    cut = shortened(text, limit).removesuffix("…")

    starts = {"".join(whole[:number]).rstrip() for number in range(limit + 1)}
    assert cut in starts | {text}


@pytest.mark.alone
@pytest.mark.parametrize("unit", ["a", "é", ACCENTED, FAMILY, "\u0301"])
def test_of_a_very_long_text_the_start_alone_is_looked_at(unit):
    long, far_longer = unit * 20_000, unit * 1_000_000
    shortened(long, 500)

    def least(text):
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            shortened(text, 500)
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    assert least(far_longer) < 5 * least(long) + 0.001


def test_importing_wsq_does_not_load_what_parts_characters():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, wsq\nprint('regex' in sys.modules)"], capture_output=True, text=True
    )

    assert done.stdout == "False\n"
