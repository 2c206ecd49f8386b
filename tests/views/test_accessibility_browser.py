"""axe-core looks at every page and dialog, in light and in dark; nothing serious may be found.

And what holds of every page beside; of statistics it is seen in a test of their own.
"""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

import wsq
from tests.domain.worlds import PaidProvider
from tests.views.axe import serious
from tests.views.windows import card
from wsq.agent.providers import OfflineProvider, ScriptedProvider, call, finish
from wsq.agent.providers.base import ProviderError

TABLE = "# No\n\n| a | b |\n|---|---|\n| `c` | [d](https://example.com/d) |"


@pytest.fixture
def acme(request, team):
    """What is opened: the busy board where a test asks for it, else one with nothing on it."""
    if "busy" in request.fixturenames:
        return request.getfixturevalue("busy")
    team.create_store("empty", exist_ok=True)
    return team.store("empty")


@pytest.fixture(scope="module")
def busy(team):
    """A board on which everything is that a card can show; it is made once."""
    acme = team.store("busy")
    launch = acme.create_project("Launch", description="Ship 1.0")
    acme.create_task("Write copy", project_id=launch.id, assignees=["Ada", "Bo"], description="Long and good.")
    for lane in ("doing", "in_review", "done"):
        acme.create_task(f"In {lane}", status=lane)
    acme.create_task("w" * 180)
    lines = [
        call(("create_task", {"title": "Made"}), ("get_task", {"task_id": "x"})),
        finish("could_not", TABLE),
    ]
    providers = {
        "Could not": ScriptedProvider(lines),
        "Paid": PaidProvider([finish("done", "Well.")]),
        "Failed": ScriptedProvider([ProviderError("The key is not valid.", retryable=False)]),
        "Offline": OfflineProvider(),
    }
    for name, provider in providers.items():
        task = acme.create_recurring_task(
            name, "List the tasks", every="4 hours", budget_per_day=0.3, project_id=launch.id
        )
        with wsq.open(team.place, provider=provider) as other:
            other.store(acme.id).run_now(task.id)
    wide = acme.create_recurring_task("Wide " + "x" * 150, "Create a task called 'Check'", every="4 hours")
    acme.run_now(wide.id)
    missed = acme.create_recurring_task("Missed", "List the tasks", every="1 day", timezone="Europe/Berlin")
    for days in (1, 2):
        team.process(now=missed.next_execution_at + timedelta(days=days, hours=1), stores=[acme.id])
    off = acme.create_recurring_task("Off", "List the tasks", every="1 day")
    acme.disable_recurring_task(off.id, reason="On holiday.")
    return acme


@pytest.mark.parametrize("path", ["board", "admin", "since"])
def test_a_page_is_for_everybody_bears_the_servers_notice_and_never_scrolls_sideways(open_board, busy, path):
    page = open_board(path=path, also="&in=busy")
    expect(page.get_by_text("A notice for all")).to_be_visible()
    for name in ("Paid", "Wide xxx"):
        expect(page.get_by_text(name).locator("visible=true").first).to_be_visible()

    for width in (390, 768, 3840, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert page.locator(".wsq").evaluate("element => element.scrollWidth") <= width
    assert serious(page) == []
    if path == "admin":
        page.get_by_label("Select all that match").check()
        for press, name in (("Disable …", "Disable recurring tasks"), ("Pause …", "Pause")):
            page.get_by_role("button", name=press).click()
            expect(page.get_by_role("dialog", name=name)).to_be_visible()
            assert serious(page, page.get_by_role("dialog")) == []
            page.keyboard.press("Escape")


def test_an_empty_board_and_a_narrow_one(open_board, acme):
    page = open_board(width=390, height=844)
    expect(page.get_by_role("button", name="Make the first one")).to_be_visible()

    assert serious(page) == []


def test_the_form_with_everything_that_can_be_wrong(open_board, busy):
    page = open_board()
    card(page, "Off").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Advanced").click()
    for label, wrong in {
        "Name": "",
        "Every": "0",
        "Time zone": "Mars",
        "Budget per day": "much",
        "Prompt": "{{x}}",
    }.items():
        dialog.get_by_label(label, exact=True).fill(wrong)
    expect(dialog.locator("[data-field=budget_per_day] .problem")).to_be_visible()
    assert serious(page, dialog) == []

    busy.update_recurring_task(busy.recurring_tasks()[0].id, prompt="Theirs")
    expect(dialog.locator("[data-field=prompt] .theirs")).to_be_visible()
    assert serious(page, dialog) == []

    page.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Discard")).to_be_visible()
    assert serious(page, dialog) == []


@pytest.mark.parametrize("name", ["Could not", "Failed", "Missed"])
def test_the_dialog_of_an_execution(open_board, busy, name):
    page = open_board()
    card(page, name).get_by_role("listitem").first.get_by_role("button").click()
    dialog = page.get_by_role("dialog", name="Execution")
    expect(dialog).to_be_visible()
    for folded in dialog.locator("details").all():
        folded.evaluate("each => { each.open = true; }")

    assert serious(page, dialog) == []


def test_the_other_dialogs(open_board, busy):
    page = open_board()
    for press in (
        lambda: card(page, "Write copy").get_by_role("button", name="Write copy").click(),
        lambda: card(page, "Paid").get_by_role("button", name="History").click(),
        lambda: card(page, "Paid").get_by_role("button", name="Delete").click(),
        lambda: page.get_by_role("button", name="New recurring task").click(),
    ):
        press()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert serious(page, page.get_by_role("dialog")) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    card(page, "In doing").focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert serious(page) == []
