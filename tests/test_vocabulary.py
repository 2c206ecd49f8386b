"""Each set of stored words has a label for every word, and the documentation names every reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wsq import vocabulary
from wsq.agent.tools.catalogue import catalogue

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("stored", "labels"),
    [
        (vocabulary.LANES, vocabulary.LANE_LABELS),
        (vocabulary.STATUSES, vocabulary.STATUS_LABELS),
        (vocabulary.TRIGGERS, vocabulary.TRIGGER_LABELS),
        (vocabulary.VERDICTS, vocabulary.VERDICT_LABELS),
        (vocabulary.REASONS, vocabulary.REASON_SENTENCES),
        (vocabulary.MISSED, vocabulary.MISSED_LABELS),
        (vocabulary.NOTIFY_ON, vocabulary.NOTIFY_ON_LABELS),
        (vocabulary.UNITS, vocabulary.UNIT_MINUTES),
    ],
)
def test_every_word_has_its_label_and_they_stand_in_one_order(
    stored: tuple[str, ...], labels: dict[str, object]
) -> None:
    assert tuple(labels) == stored


def test_the_lanes_are_named_as_a_screen_reader_finds_them() -> None:
    assert list(vocabulary.BOARD_LABELS.values()) == ["Recurring", "To do", "Doing", "In review", "Done"]


def test_every_reason_is_a_sentence_and_within_one_a_phrase() -> None:
    for sentence in vocabulary.REASON_SENTENCES.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert vocabulary.phrase("still_running") == "still running"


def test_the_documentation_lists_every_reason_with_its_sentence() -> None:
    lines = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8").splitlines()
    listed = dict(match.groups() for line in lines if (match := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line)))
    assert listed == vocabulary.REASON_SENTENCES


def test_the_agents_tools_take_the_same_words() -> None:
    tools = catalogue(in_project=False)
    taken = {name: tools[name].arguments.model_json_schema()["properties"] for name in ("create_task", "finish")}
    assert taken["create_task"]["status"]["enum"] == list(vocabulary.LANES)
    assert taken["finish"]["outcome"]["enum"] == list(vocabulary.VERDICTS)
