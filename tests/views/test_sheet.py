import json
import queue

import pytest

from wsq.views.hub import forget
from wsq.views.sheet import Sheet, statistics_sheet

pytestmark = pytest.mark.alone


@pytest.fixture
def told(workspace):
    """Opens a page of sections; what it tells its browser when that has come up."""
    opened = []

    def first_told(sections):
        page = Sheet(workspace, "acme", "statistics", sections)
        opened.append(page)
        told = queue.Queue()
        page._send_msg = lambda text: told.put(json.loads(text))
        page._handle_msg(json.dumps({"ask": "hello", "ref": 0, "rev": 0}))
        return next(message for message in iter(lambda: told.get(timeout=5), None) if message["type"] == "sections")

    yield first_told
    for page in opened:
        page._subscription.close()
    forget(workspace)


def test_a_page_of_sections_is_made_when_its_browser_asks_and_knows_the_stores(store, told):
    store.run_now(store.create_recurring_task("Triage", "List the tasks", every="4 hours").id)

    message = told(statistics_sheet)

    assert [each["id"] for each in message["header"]["stores"]] == ["acme"]
    _, recent = message["sections"]
    assert [cell.get("text") for cell in recent["rows"][0]][:3] == ["Triage", "Completed", "Manual"]


def test_statistics_of_a_store_that_is_not_there_are_empty(workspace):
    figures, table = statistics_sheet(workspace, "nowhere")

    assert {figure["value"] for figure in figures["figures"]} == {0}
    assert table["rows"] == []
