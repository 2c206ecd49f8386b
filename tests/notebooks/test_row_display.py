"""How rows show themselves in a cell and on a terminal."""

import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.lib.pretty import pretty

from wsq.projections.display import as_card, as_lines, in_brief

HOSTILE = "<script>alert(1)</script>&\"'"


def test_a_row_shows_what_tells_something_and_leaves_the_rest_out(acme):
    task = acme.create_task("Write copy", assignees=["Ada", "Grace"])

    shown = pretty(task)

    assert shown.splitlines()[0] == "Task"
    assert "  assignees   Ada, Grace" in shown.splitlines()
    assert "description" not in shown  # empty
    assert "archived_at" not in shown  # nothing
    assert "rank" not in shown  # of no use to a person


def test_rows_in_a_list_are_one_line_each(acme):
    acme.create_task("Write copy")
    acme.create_task("Two\nlines", status="doing")

    assert pretty(list(acme.tasks())) == "[<Task Write copy · todo>, <Task Two lines · doing>]"


def test_what_people_wrote_is_text_in_a_card(acme):
    card = acme.create_task(HOSTILE, description=HOSTILE)._repr_html_()

    assert "<script>" not in card
    assert card.count("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;") == 2


def test_a_cell_gets_a_card_and_plain_text_and_the_same_each_time(acme):
    row = acme.create_project("Launch", description="Ship 1.0")

    told, again = (DisplayFormatter().format(row)[0] for _ in range(2))

    assert set(told) == {"text/plain", "text/html"}
    assert told == again


def test_the_whole_row_stands_in_its_repr_and_its_dictionary(acme):
    row = acme.create_task("Write copy")

    assert "rank='a0'" in repr(row)
    assert row.as_dict()["archived_at"] is None


@pytest.mark.parametrize("show", [as_card, as_lines, in_brief])
def test_a_row_of_nothing_can_be_shown(show):
    assert "Task" in show("Task", {})
