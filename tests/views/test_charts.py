"""What charts say where there is nothing to draw, and how their axes are written."""

import json

import pytest
from bokeh.document import Document
from bokeh.io.doc import patch_curdoc

import wsq
from tests.store.crew import finish, start
from wsq.views.statistics.charts import charts


def test_a_chart_without_anything_to_draw_says_what_there_was_none_of(store):
    store.create_project("Launch")
    before = {each["id"]: each for each in charts(store.workspace.statistics("acme", days=7), "light")}
    assert {each["empty"] for each in before.values() if "per day" in each["title"]} == {"Nothing ran in this span."}

    store.run_now(store.create_recurring_task("Triage", "List the tasks", every="4 hours").id)
    after = {each["id"]: each for each in charts(store.workspace.statistics("acme", days=7), "light")}

    assert after["executions"]["empty"] is None
    assert after["cost"]["empty"] == "Nothing was spent in this span."
    assert after["tokens"]["empty"] == "No model was used in this span."
    assert after["lateness"]["empty"] == "No automatic run started in this span."
    # A number that no binary fraction holds is not written with all its digits
    assert "%.6g s" in json.dumps(after["duration"]["item"])


def draw_after_a_message_that_could_not_be_read(place):
    page = Document()
    with pytest.raises(ValueError, match="unreadable"), patch_curdoc(page):
        raise ValueError("unreadable")
    del page
    with wsq.open(place) as team:
        assert len(list(charts(team.statistics("acme", days=7), "light"))) == 8


def test_charts_are_drawn_whatever_became_of_the_page_that_bokeh_takes_for_the_current_one(store):
    store.run_now(store.create_recurring_task("Triage", "List the tasks", every="4 hours").id)
    finish(start(draw_after_a_message_that_could_not_be_read, store.workspace.place))  # what Bokeh keeps ends with it
