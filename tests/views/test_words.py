import pytest

from wsq.views.page import words


@pytest.mark.parametrize(
    ("value", "unit", "starting", "spoken"),
    [
        (4, "hours", None, "Every 4 hours"),
        (1, "days", None, "Every day"),
        (1, "minutes", None, "Every minute"),
        (1, "days", "09:00", "Every day at 09:00"),
        (2, "hours", "09:00", "Every 2 hours from 09:00"),
        (1, "days", "2026-03-01T09:00:00+01:00", "Every day"),
    ],
)
def test_an_interval_is_said_in_words(value, unit, starting, spoken):
    assert words.interval(value, unit, starting) == spoken


def test_a_completed_execution_without_a_verdict_says_that_it_is_unknown():
    assert words.verdict("completed", None) == "Verdict unknown"
    assert words.verdict("completed", "could_not") == "Could not do it"
    assert words.verdict("failed", None) is None


def test_a_reason_that_nobody_has_words_for_is_shown_as_it_is():
    assert words.reason("eaten_by_a_whale") == "eaten_by_a_whale"
    assert words.reason(None) is None
