import json

import pytest

from wsq.errors import InvalidInput
from wsq.views.page import messages


def test_a_well_formed_message_is_understood():
    assert messages.understood('{"ask": "run", "ref": 3, "id": "abc"}') == messages.Run(ref=3, id="abc")


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {"ask": "run", "ref": 1, "id": "abc"},
        b'{"ask": "run", "ref": 1, "id": "abc"}',
        "",
        "not json",
        "[]",
        "\ud800",
        '{"ask": "drop_tables", "ref": 1}',
        '{"ref": 1, "id": "abc"}',
        '{"ask": "run", "id": "abc"}',
        '{"ask": "run", "ref": 1}',
        '{"ask": "run", "ref": -1, "id": "abc"}',
        '{"ask": "run", "ref": true, "id": "abc"}',
        '{"ask": "run", "ref": 1, "id": ""}',
        '{"ask": "run", "ref": 1, "id": 7}',
        '{"ask": "run", "ref": 1, "id": ["abc"]}',
        '{"ask": "run", "ref": 1, "id": "abc", "store": "globex"}',
        '{"ask": "move_task", "ref": 1, "id": "abc", "lane": "recurring", "position": null}',
        '{"ask": "move_task", "ref": 1, "id": "abc", "lane": "done", "position": -1}',
        json.dumps({"ask": "run", "ref": 1, "id": "a" * 37}),
        json.dumps({"ask": "create_task", "ref": 1, "title": "x" * 2_001, "lane": "todo", "project": None}),
        " " * (messages.LONGEST + 1),
        '{"ask": "hello", "ref": 1, "rev": 0, "x": ' + "[" * 100_000,
    ],
)
def test_whatever_is_not_exactly_a_message_is_refused(raw):
    with pytest.raises(InvalidInput):
        messages.understood(raw)
    assert messages.number_of(raw) in (0, 1)
