import json

import pytest

from wsq.errors import InvalidInput
from wsq.views.page import messages


def test_a_well_formed_message_is_understood():
    assert messages.parse('{"type": "run", "ref": 3, "id": "abc"}') == messages.Run(ref=3, id="abc")


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {"type": "run", "ref": 1, "id": "abc"},
        b'{"type": "run", "ref": 1, "id": "abc"}',
        "",
        "not json",
        "[]",
        "\ud800",
        '{"type": "drop_tables", "ref": 1}',
        '{"ref": 1, "id": "abc"}',
        '{"type": "run", "id": "abc"}',
        '{"type": "run", "ref": 1}',
        '{"type": "run", "ref": -1, "id": "abc"}',
        '{"type": "run", "ref": true, "id": "abc"}',
        '{"type": "run", "ref": 1, "id": ""}',
        '{"type": "run", "ref": 1, "id": 7}',
        '{"type": "run", "ref": 1, "id": ["abc"]}',
        '{"type": "run", "ref": 1, "id": "abc", "store": "globex"}',
        '{"type": "move_task", "ref": 1, "id": "abc", "lane": "recurring", "position": null}',
        '{"type": "move_task", "ref": 1, "id": "abc", "lane": "done", "position": -1}',
        json.dumps({"type": "run", "ref": 1, "id": "a" * 37}),
        json.dumps({"type": "create_task", "ref": 1, "title": "x" * 2_001, "lane": "todo", "project": None}),
        " " * (messages.LONGEST + 1),
        '{"type": "sync", "ref": 1, "rev": 0, "x": ' + "[" * 100_000,
    ],
)
def test_whatever_is_not_exactly_a_message_is_refused(raw):
    with pytest.raises(InvalidInput):
        messages.parse(raw)
    assert messages.ref_of(raw) in (0, 1)
