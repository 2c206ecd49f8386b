import json
import queue

import pytest

from wsq.views.hub import forget
from wsq.views.sheet import Sheet, admin_sheet

pytestmark = pytest.mark.alone


@pytest.fixture
def told(workspace):
    """Opens a page of sections; what it tells its browser when that has come up."""
    opened = []

    def first_told(sections):
        page = Sheet(workspace, "acme", "admin", sections)
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
    store.create_recurring_task("Triage", "List the tasks", every="4 hours")

    message = told(admin_sheet)

    assert [each["id"] for each in message["header"]["stores"]] == ["acme"]
    [section] = message["sections"]
    assert [cell.get("text") for cell in section["rows"][0]][:4] == ["acme", "Triage", "Every 4 hours", "Enabled"]


def test_administration_shows_how_each_task_ended_last(workspace, store):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours")
    store.create_recurring_task("Never", "List the tasks", every="4 hours")
    store.run_now(task.id)

    [section] = admin_sheet(workspace, "acme")

    assert {row[1]["text"]: row[5]["text"] for row in section["rows"]} == {"Triage": "Completed", "Never": "Never run"}
