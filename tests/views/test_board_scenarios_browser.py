"""A day at the board in a real browser: made, edited, switched, run, looked into, deleted; in two windows at once."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

import wsq
from tests.domain.worlds import PaidProvider
from tests.views.serving import served as serving
from tests.views.windows import card, eventually, fill_form, lane, within
from wsq.agent.providers import ScriptedProvider, call, finish, say

SLOW = "unhurried"  # the served provider takes its time over a task that is described so


def open_form(page, name=None):
    if name is None:
        page.get_by_role("button", name="New recurring task").click()
        dialog = page.get_by_role("dialog", name="New recurring task")
        expect(dialog).to_be_visible()
        return dialog
    card(page, name).get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit recurring task")
    expect(dialog).to_be_visible()
    return dialog


def field(dialog, label):
    return dialog.get_by_label(label, exact=True)


def test_the_whole_life_of_a_recurring_task(open_board, acme, team):
    page = open_board()

    # Made, every 4 hours, with its next run.
    dialog = open_form(page)
    fill_form(page, Name="Triage", Prompt="Create a task called 'Check mail'", Description="Mornings", Every="4")
    field(dialog, "Unit").select_option("hours")
    expect(dialog.get_by_role("group", name="Upcoming runs")).to_contain_text("6 runs a day")
    dialog.get_by_role("button", name="Create").click()
    expect(card(page, "Triage")).to_contain_text("Every 4 hours")
    expect(card(page, "Triage").get_by_role("timer")).to_contain_text("in 3:59:")

    # Edited.
    dialog = open_form(page, "Triage")
    fill_form(page, Name="Sort the mail", Every="6")
    dialog.get_by_role("button", name="Save").click()
    expect(card(page, "Sort the mail")).to_contain_text("Every 6 hours")

    # Off and on again.
    card(page, "Sort the mail").get_by_role("button", name="Disable").click()
    expect(card(page, "Sort the mail").get_by_role("timer")).to_have_count(0)
    expect(card(page, "Sort the mail")).to_have_class("card recurring off")
    card(page, "Sort the mail").get_by_role("button", name="Enable").click()
    expect(card(page, "Sort the mail").get_by_role("timer")).to_be_visible()

    # Run by hand; then by the scheduler, while the page is open.
    card(page, "Sort the mail").get_by_role("button", name="Run now").click()
    rows = card(page, "Sort the mail").get_by_role("listitem")
    expect(rows.first).to_contain_text("Completed")
    expect(rows.first).to_contain_text("Manual")
    expect(rows.first).to_contain_text("1 task created")
    team.process(now=acme.recurring_tasks()[0].next_execution_at + timedelta(seconds=5), stores=[acme.id])
    expect(rows.first).to_contain_text("Automatic")

    # Its detail, and what it made.
    rows.nth(1).get_by_role("button").click()
    detail = page.get_by_role("dialog", name="Execution")
    expect(detail).to_contain_text("create_task")
    detail.get_by_role("button", name="Check mail").click()
    expect(page.get_by_role("dialog", name="Task").get_by_label("Title")).to_have_value("Check mail")
    page.keyboard.press("Escape")

    # Gone.
    card(page, "Sort the mail").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card(page, "Sort the mail")).to_have_count(0)
    eventually(lambda: acme.recurring_tasks() == [])


@pytest.mark.usefixtures("kept")
def test_a_double_click_on_run_now_is_one_execution(open_board, acme, go_on):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description=SLOW)
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Run now").dblclick()

    expect(card(page, "Triage").get_by_role("listitem")).to_have_count(1)
    go_on()
    expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Completed")
    assert len(acme.executions(task.id)) == 1


@pytest.mark.usefixtures("kept")
@pytest.mark.timed
def test_running_shows_within_half_a_second_of_run_now(open_board, acme, go_on):
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description=SLOW)
    page = open_board()
    expect(card(page, "Triage")).to_be_visible()

    card(page, "Triage").get_by_role("button", name="Run now").click()

    expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Running", timeout=within(500))
    go_on()
    expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Completed")


@pytest.mark.timed
@pytest.mark.parametrize("how", ["move", "archive", "disable", "create"])
def test_ones_own_action_shows_before_the_server_has_answered(open_board, acme, how):
    acme.create_task("Write copy")
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    page = open_board()
    expect(card(page, "Write copy")).to_be_visible()
    # From here on nothing that the page says arrives: what shows, it shows by itself.
    page.evaluate("() => { WebSocket.prototype.send = () => {}; }")

    if how == "move":
        card(page, "Write copy").get_by_label("Move to").select_option("Done")
        expect(card(lane(page, "Done"), "Write copy")).to_be_visible(timeout=within(100))
        expect(lane(page, "Done").locator(".count")).to_have_text("1", timeout=within(100))
    elif how == "archive":
        card(page, "Write copy").focus()
        page.keyboard.press("Delete")
        expect(card(page, "Write copy")).to_have_count(0, timeout=within(100))
    elif how == "disable":
        card(page, "Triage").get_by_role("button", name="Disable").click()
        expect(card(page, "Triage").get_by_role("button", name="Enable")).to_be_visible(timeout=within(100))
    else:
        page.get_by_label("New task", exact=True).fill("Another")
        page.keyboard.press("Enter")
        expect(card(lane(page, "To do"), "Another")).to_be_visible(timeout=within(100))


@pytest.mark.usefixtures("kept")
def test_what_is_refused_is_taken_back_with_the_reason(open_board, acme):
    task = acme.create_task("Write copy")
    page = open_board()
    expect(card(page, "Write copy")).to_be_visible()
    page.evaluate(
        "() => { window.real = WebSocket.prototype.send; WebSocket.prototype.send = function (said) {"
        " return window.real.call(this, typeof said === 'string' ? said.replaceAll('"
        + task.id
        + "', 'n0where') : said); } }"
    )

    card(page, "Write copy").get_by_label("Move to").select_option("Done")

    expect(page.get_by_role("alert").filter(has_text="n0where")).to_be_visible()
    expect(card(lane(page, "To do"), "Write copy")).to_be_visible()
    assert acme.task(task.id).status == "todo"


@pytest.mark.usefixtures("kept")
def test_a_blank_task_is_refused_and_what_was_typed_comes_back(open_board, acme):
    page = open_board()

    page.get_by_label("New task", exact=True).fill("x" * 201)
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert").filter(has_text="at most 200 characters")).to_be_visible()
    expect(page.get_by_label("New task", exact=True)).to_have_value("x" * 201)
    expect(page.get_by_role("article")).to_have_count(0)


@pytest.mark.usefixtures("kept")
def test_a_task_is_made_in_any_lane(open_board, acme):
    page = open_board()

    lane(page, "In review").get_by_role("button", name="New task in In review").click()
    page.keyboard.type("Look at it")
    page.keyboard.press("Enter")

    expect(card(lane(page, "In review"), "Look at it")).to_be_visible()
    eventually(lambda: [each.title for each in acme.tasks(status="in_review")] == ["Look at it"])


@pytest.mark.usefixtures("kept")
def test_an_archived_task_comes_back_where_it_stood(open_board, acme):
    for title in ("a", "b", "c"):
        acme.create_task(title)
    page = open_board()

    card(page, "b").get_by_role("button", name="b", exact=True).click()
    page.get_by_role("dialog", name="Task").get_by_role("button", name="Archive").click()
    expect(card(page, "b")).to_have_count(0)
    eventually(lambda: len(acme.tasks()) == 2)
    page.get_by_role("button", name="Undo").click()

    expect(lane(page, "To do").get_by_role("article").nth(1)).to_have_accessible_name("b")
    eventually(lambda: [each.title for each in acme.tasks()] == ["a", "b", "c"])


@pytest.mark.usefixtures("kept")
@pytest.mark.timed
def test_a_task_is_dragged_to_its_place_with_the_mouse(open_board, acme):
    for title in ("a", "b"):
        acme.create_task(title, status="done")
    acme.create_task("c")
    page = open_board()

    card(page, "c").drag_to(card(page, "b"), target_position={"x": 20, "y": 4})

    expect(lane(page, "Done").get_by_role("article").nth(1)).to_have_accessible_name("c", timeout=within(1_000))
    eventually(lambda: [each.title for each in acme.tasks(status="done")] == ["a", "c", "b"])


@pytest.mark.usefixtures("kept")
def test_what_is_wrong_is_said_beside_its_field_as_one_types(open_board, acme):
    page = open_board()
    dialog = open_form(page)

    field(dialog, "Every").fill("0")
    expect(dialog.locator("[data-field=every] .problem")).to_contain_text("expected a whole number")
    expect(field(dialog, "Every")).to_have_attribute("aria-invalid", "true")
    expect(dialog.locator("[data-field=name] .problem")).to_be_hidden()  # not touched yet
    place = dialog.get_by_role("button", name="Create").bounding_box()
    field(dialog, "Every").fill("2")
    expect(dialog.locator("[data-field=every] .problem")).to_be_hidden()
    assert dialog.get_by_role("button", name="Create").bounding_box() == place  # a click is not missed

    dialog.get_by_role("button", name="Create").click()
    expect(dialog.locator("[data-field=name] .problem")).to_contain_text("not blank")
    expect(dialog.locator("[data-field=prompt] .problem")).to_contain_text("say what is to be done")
    expect(field(dialog, "Name")).to_be_focused()
    assert acme.workspace.sql("select count(*) from recurring_tasks where store_id = $1", [acme.id]).iloc[0, 0] == 0


@pytest.mark.usefixtures("kept")
def test_a_first_run_at_a_date_of_its_zone_is_foretold_and_kept(open_board, acme):
    page = open_board()
    dialog = open_form(page)
    fill_form(page, Name="Report", Prompt="List the tasks", Every="1")
    field(dialog, "First run").select_option("At a date and time")
    field(dialog, "Date and time").fill("2031-07-01T08:00")
    field(dialog, "Time zone").fill("America/New_York")

    expect(dialog.get_by_role("group", name="Upcoming runs")).to_contain_text("Tue, Jul 1, 2031, 08:00 AM EDT")
    dialog.get_by_role("button", name="Create").click()

    expect(card(page, "Report")).to_be_visible()
    assert acme.recurring_tasks()[0].next_execution_at.isoformat() == "2031-07-01T12:00:00+00:00"
    dialog = open_form(page, "Report")
    expect(field(dialog, "Date and time")).to_have_value("2031-07-01T08:00")


@pytest.mark.usefixtures("kept")
def test_all_of_the_form_is_filled_in_again_when_it_is_edited(open_board, acme):
    launch = acme.create_project("Launch")
    acme.create_recurring_task(
        "Triage", "List the tasks", every="3 days", starting="09:30", timezone="Europe/Berlin", description="Mornings",
        project_id=launch.id, assignees=["Ada", "Bo"], model="claude-haiku-4-5", missed="run_once", budget_per_day=0.25,
        time_limit="90 seconds", skip_unchanged=True,
    )  # fmt: skip
    page = open_board()

    dialog = open_form(page, "Triage")
    dialog.get_by_text("Advanced").click()

    for label, value in {
        "Name": "Triage", "Prompt": "List the tasks", "Every": "3", "Unit": "days", "Time of day": "09:30",
        "Time zone": "Europe/Berlin", "Project": launch.id, "Assignees": "Ada, Bo", "Model": "claude-haiku-4-5",
        "Missed runs": "run_once", "Budget per day": "0.25", "Time limit": "90 seconds", "Description": "Mornings",
    }.items():  # fmt: skip
        expect(field(dialog, label)).to_have_value(value)
    expect(field(dialog, "Skip when nothing has changed")).to_be_checked()


@pytest.mark.usefixtures("kept")
def test_leaving_asks_when_something_was_typed_and_writes_nothing(open_board, acme):
    acme.create_task("so that the store is there")
    before = len(acme.events())
    page = open_board()

    dialog = open_form(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)  # nothing was typed
    dialog = open_form(page)
    field(dialog, "Name").fill("Half a thought")
    page.keyboard.press("Escape")
    expect(dialog.get_by_role("alert")).to_contain_text("Discard")
    dialog.get_by_role("button", name="Keep editing").click()
    expect(field(dialog, "Name")).to_have_value("Half a thought")
    dialog.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Discard").click()

    expect(dialog).to_have_count(0)
    assert len(acme.events()) == before


@pytest.mark.usefixtures("kept")
def test_escape_never_discards_what_was_typed_however_often_it_is_pressed(open_board, acme):
    page = open_board()
    dialog = open_form(page)
    field(dialog, "Name").fill("Half a thought")

    for _ in range(4):
        page.keyboard.press("Escape")

    expect(field(dialog, "Name")).to_have_value("Half a thought")


@pytest.mark.usefixtures("kept")
def test_archiving_from_the_form_asks_when_something_was_typed(open_board, acme):
    task = acme.create_task("Write copy")
    page = open_board()
    card(page, "Write copy").get_by_role("button", name="Write copy").click()
    dialog = page.get_by_role("dialog", name="Task")
    field(dialog, "Description").fill("Half a thought")

    dialog.get_by_role("button", name="Archive").click()

    expect(dialog.get_by_role("alert")).to_contain_text("Discard")
    assert acme.task(task.id).archived_at is None


@pytest.mark.usefixtures("kept")
def test_a_first_run_that_was_chosen_and_not_filled_in_is_not_saved_as_none(open_board, acme):
    page = open_board()
    dialog = open_form(page)
    fill_form(page, Name="Report", Prompt="List the tasks")
    field(dialog, "First run").select_option("At a date and time")

    dialog.get_by_role("button", name="Create").click()

    expect(dialog.locator("[data-field=starting] .problem")).to_contain_text("expected a time of day")
    expect(card(page, "Report")).to_have_count(0)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("how", ["New recurring task", "Edit", "Duplicate"])
def test_what_was_typed_survives_a_reload(open_board, acme, how):
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    page = open_board()
    page.get_by_role("button", name=how).click()
    field(page.get_by_role("dialog"), "Prompt").fill("Half a thought")

    page.reload()

    expect(field(page.get_by_role("dialog"), "Prompt")).to_have_value("Half a thought")


@pytest.mark.usefixtures("kept")
def test_a_new_task_that_was_half_typed_survives_a_reload(open_board):
    page = open_board()
    page.get_by_role("button", name="New task in Doing").click()
    page.get_by_role("textbox", name="Title of the new task in Doing").fill("Half a thought")
    page.get_by_role("textbox", name="New task", exact=True).fill("And another")

    page.reload()

    expect(page.get_by_role("textbox", name="Title of the new task in Doing")).to_have_value("Half a thought")
    expect(page.get_by_role("textbox", name="New task", exact=True)).to_have_value("And another")
    expect(page.get_by_role("textbox", name="New task", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(page, "And another")).to_be_visible()
    page.reload()
    expect(page.get_by_role("textbox", name="New task", exact=True)).to_have_value("")


@pytest.mark.usefixtures("kept")
def test_one_click_anywhere_on_a_card_opens_it_but_not_on_its_controls_nor_after_selecting_text(open_board, acme):
    acme.create_task("Call Ben", description="About the invoice of March")
    triage = acme.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")
    acme.run_now(triage.id)
    page = open_board()
    expect(card(page, "Triage").locator(".output")).to_be_visible()

    for name, part, label in (("Call Ben", ".about", "Task"), ("Triage", ".facts", "Recurring task")):
        card(page, name).locator(part).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        expect(page.get_by_role("dialog", name=label)).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    box = card(page, "Triage").locator(".output").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 8, steps=4)
    page.mouse.up()
    card(page, "Triage").get_by_role("button", name="Disable").click()
    expect(card(page, "Triage").get_by_role("button", name="Enable")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.usefixtures("kept")
def test_run_now_is_off_and_says_why_while_a_task_cannot_run(open_board, acme):
    triage = acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    page = open_board()
    run = card(page, "Triage").get_by_role("button", name="Run now")
    expect(run).to_be_enabled()

    acme.disable_recurring_task(triage.id)
    expect(run).to_be_disabled()
    expect(run).to_have_attribute("title", "It is disabled. Enable it to run it.")

    card(page, "Triage").get_by_role("button", name="Enable").click()
    expect(run).to_be_enabled()
    acme.pause(reason="Holiday")
    expect(run).to_have_attribute("title", "It is paused. Resume it to run it.")
    acme.resume()
    expect(run).to_be_enabled()


def test_a_card_is_carried_past_the_next_one_that_is_shown(open_board, acme):
    for title in ("foo 1", "bar 1", "bar 2", "foo 2"):
        acme.create_task(title)
    page = open_board(path="board?q=foo&")
    expect(card(page, "bar 1")).to_be_hidden()

    card(page, "foo 1").focus()
    page.keyboard.press("Control+ArrowDown")

    eventually(lambda: [each.title for each in acme.tasks()] == ["bar 1", "bar 2", "foo 2", "foo 1"])


@pytest.mark.usefixtures("kept")
def test_tasks_archived_in_a_row_come_back_where_they_stood(open_board, acme):
    for title in "ABCDE":
        acme.create_task(title)
    page = open_board()
    for title in "ABD":
        card(page, title).focus()
        page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_have_count(3)

    for _ in range(3):
        page.get_by_role("button", name="Undo").last.click()

    eventually(lambda: [each.title for each in acme.tasks()] == list("ABCDE"))


def test_moves_edits_and_switches_are_undone_by_the_toast_or_by_the_keyboard(open_board, acme):
    task, other = acme.create_task("Write copy"), acme.create_task("Stays")
    recurring = acme.create_recurring_task("Triage", "Look.", every="1 day")
    page = open_board()

    card(page, task.title).focus()
    page.keyboard.press("Control+ArrowDown")
    page.keyboard.press("Control+ArrowRight")
    expect(page.get_by_text("“Write copy” is in Doing now.")).to_be_visible()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    eventually(lambda: [each.title for each in acme.tasks()] == ["Write copy", "Stays"])
    expect(lane(page, "To do").get_by_role("article").first).to_have_accessible_name("Write copy")

    page.keyboard.press("Enter")
    fill_form(page, Title="Write the copy").get_by_role("button", name="Save").click()
    expect(card(page, "Write the copy")).to_be_visible()
    page.locator(".toast").filter(has_text="“Write copy” is saved.").get_by_role("button", name="Undo").click()
    expect(card(page, "Write copy")).to_be_visible()
    assert acme.task(task.id).title == "Write copy"

    for title in ("Write", "Write more"):
        card(page, acme.task(task.id).title).focus()
        page.keyboard.press("Enter")
        fill_form(page, Title=title).get_by_role("button", name="Save").click()
        expect(card(page, title)).to_be_visible()
    card(page, "Write more").focus()
    page.keyboard.press("Control+ArrowRight")
    for title in ("Write more", "Write", "Write copy"):
        page.keyboard.press("Control+z")
        eventually(lambda title=title: (acme.task(task.id).title, acme.task(task.id).status) == (title, "todo"))
        card(page, "Stays").focus()

    card(page, "Triage").get_by_role("button", name="Disable").click()
    eventually(lambda: not acme.recurring_task(recurring.id).enabled)
    card(page, "Stays").focus()
    page.keyboard.press("Control+z")
    eventually(lambda: acme.recurring_task(recurring.id).enabled)

    # An edit that somebody else has built upon stays, and in a field the key is the browser's
    card(page, "Stays").focus()
    page.keyboard.press("Enter")
    fill_form(page, Title="Stays here").get_by_role("button", name="Save").click()
    eventually(lambda: acme.task(other.id).title == "Stays here")
    acme.update_task(other.id, description="By another")
    page.get_by_role("textbox", name="New task", exact=True).press("Control+z")
    assert acme.task(other.id).title == "Stays here"
    card(page, "Stays here").focus()
    page.keyboard.press("Control+z")
    expect(page.get_by_role("alert").filter(has_text="changed")).to_be_visible()
    assert acme.task(other.id).title == "Stays here"
    page.keyboard.press("Control+z")
    expect(page.get_by_text("There is nothing to undo.")).to_be_visible()


def test_archived_tasks_are_listed_found_opened_and_restored(open_board, acme):
    for title in ("Old invoice", "Old plan", "Kept"):
        acme.create_task(title, description="of the Müller account" if "plan" in title else "", status="done")
    for task in acme.tasks()[:2]:
        acme.archive_task(task.id)
    page = open_board()

    page.get_by_role("button", name="Archived tasks").click()
    dialog = page.get_by_role("dialog", name="Archived tasks")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    dialog.get_by_role("searchbox").fill("MÜLLER")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    expect(dialog.get_by_role("listitem")).to_contain_text("Old plan")
    dialog.get_by_role("button", name="Old plan", exact=True).click()
    expect(page.get_by_role("dialog", name="Task", exact=True)).to_be_visible()
    page.keyboard.press("Escape")

    dialog.get_by_role("button", name="Restore Old plan").click()
    expect(dialog.get_by_text("No archived task matches your search.")).to_be_visible()
    assert acme.tasks()[-1].title == "Old plan"
    dialog.get_by_role("searchbox").fill("")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_role("button", name="Close").click()
    expect(card(page, "Old plan")).to_be_visible()


def test_a_project_that_is_archived_while_it_is_shown_gives_way_to_all(open_board, acme):
    launch = acme.create_project("Launch")
    acme.create_task("Ours", project_id=launch.id)
    acme.create_task("Theirs")
    page = open_board(path=f"board?project={launch.id}&")
    expect(card(page, "Theirs")).to_be_hidden()

    acme.archive_project(launch.id)

    expect(card(page, "Theirs")).to_be_visible()
    assert "project=" not in page.evaluate("location.search")


def test_what_is_made_while_something_is_looked_for_is_seen(open_board, acme):
    page = open_board(path="board?q=foo&")

    page.get_by_label("New task", exact=True).fill("Something else")
    page.keyboard.press("Enter")

    expect(card(page, "Something else")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("")


@pytest.mark.usefixtures("kept")
def test_a_history_that_is_open_follows_what_happens(open_board, acme):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    acme.run_now(task.id)
    page = open_board()
    card(page, "Triage").get_by_role("button", name="History").click()
    dialog = page.get_by_role("dialog", name="Runs")
    expect(dialog.get_by_role("listitem")).to_have_count(1)

    acme.run_now(task.id)

    expect(dialog.get_by_role("listitem")).to_have_count(2)


@pytest.mark.usefixtures("kept")
def test_who_edits_second_is_told_what_changed_and_overwrites_nothing_unseen(open_board, acme):
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description="Mornings")
    here, there = open_board(), open_board()
    mine, theirs = open_form(here, "Triage"), open_form(there, "Triage")
    field(mine, "Prompt").fill("Summarise the board")

    field(theirs, "Prompt").fill("Archive 'x'")
    field(theirs, "Description").fill("Evenings")
    theirs.get_by_role("button", name="Save").click()

    expect(mine.get_by_role("status").first).to_contain_text("has saved this while you were editing")
    expect(mine.get_by_role("status").first).to_contain_text("Description, Prompt")
    expect(field(mine, "Description")).to_have_value("Evenings")  # only they had changed it
    expect(field(mine, "Prompt")).to_have_value("Summarise the board")  # mine stands
    expect(mine.locator("[data-field=prompt] .theirs")).to_contain_text("Archive 'x'")  # beside theirs
    assert acme.recurring_tasks()[0].prompt == "Archive 'x'"
    mine.get_by_role("button", name="Take theirs").click()
    expect(field(mine, "Prompt")).to_have_value("Archive 'x'")
    field(mine, "Prompt").fill("Summarise the board")
    mine.get_by_role("button", name="Save").click()
    eventually(lambda: acme.recurring_tasks()[0].prompt == "Summarise the board")
    assert acme.recurring_tasks()[0].description == "Evenings"


@pytest.mark.usefixtures("kept")
def test_a_duplicate_is_a_new_task_with_all_that_the_first_one_has(open_board, acme):
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours", budget_per_day=0.5)
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Duplicate").click()
    dialog = page.get_by_role("dialog", name="Duplicate recurring task")
    expect(field(dialog, "Name")).to_have_value("Triage (copy)")
    dialog.get_by_role("button", name="Create").click()

    expect(card(page, "Triage (copy)")).to_be_visible()
    newest, first = acme.recurring_tasks()
    assert (newest.name, newest.prompt, newest.budget_per_day) == ("Triage (copy)", "List the tasks", 0.5)
    assert newest.id != first.id


@pytest.mark.usefixtures("kept")
def test_a_history_goes_on_page_by_page(open_board, acme, team):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    for _ in range(23):
        acme.run_now(task.id)
    page = open_board()

    card(page, "Triage").get_by_role("button", name="History").click()
    dialog = page.get_by_role("dialog", name="Runs")
    expect(dialog.get_by_role("listitem")).to_have_count(20)
    dialog.get_by_role("button", name="Older").click()

    expect(dialog.get_by_role("listitem")).to_have_count(23)
    expect(dialog.get_by_role("button", name="Older")).to_be_hidden()
    dialog.get_by_role("listitem").last.get_by_role("button").click()
    expect(page.get_by_role("dialog", name="Execution", exact=True)).to_contain_text("Completed")


@pytest.mark.usefixtures("kept")
def test_an_execution_is_run_again_from_its_detail(open_board, acme, go_on):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description=SLOW)
    acme.run_now(task.id)
    page = open_board()
    card(page, "Triage").get_by_role("listitem").first.get_by_role("button").click()
    page.get_by_role("dialog", name="Execution").get_by_role("button", name="Run again").click()

    detail = page.get_by_role("dialog", name="Execution")
    expect(detail).to_contain_text("Running")
    expect(detail.get_by_role("button", name="Cancel run")).to_be_visible()
    go_on()
    expect(detail).to_contain_text("Completed")
    assert len(acme.executions(task.id)) == 2


@pytest.mark.usefixtures("kept")
def test_a_refusal_is_told_in_front_of_whatever_is_open(open_board, acme):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    acme.run_now(task.id)
    acme.disable_recurring_task(task.id)
    page = open_board()
    card(page, "Triage").get_by_role("button", name="History").click()
    page.get_by_role("dialog", name="Runs").get_by_role("listitem").first.get_by_role("button").click()

    detail = page.get_by_role("dialog", name="Execution", exact=True)
    detail.get_by_role("button", name="Run again").click()

    expect(detail.get_by_role("alert")).to_contain_text("disabled")
    detail.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog", name="Runs").get_by_role("alert")).to_be_visible()


@pytest.mark.usefixtures("kept")
def test_a_transcript_shows_each_call_with_its_arguments_and_result_and_a_failure_in_full(open_board, acme, team):
    task = acme.create_recurring_task("Triage", "Look.", every="4 hours")
    lines = [call(("create_task", {"title": "Made"}), ("get_task", {"task_id": "nowhere"})), say("")]
    with wsq.open(team.place, provider=ScriptedProvider(lines)) as other:
        failed = other.store(acme.id).run_now(task.id)
    page = open_board()
    expect(card(page, "Triage")).to_contain_text(failed.error[:60])

    card(page, "Triage").get_by_role("listitem").first.get_by_role("button").click()
    detail = page.get_by_role("dialog", name="Execution")
    detail.get_by_text("create_task", exact=True).click()
    detail.get_by_text("get_task", exact=True).click()

    expect(detail).to_contain_text(failed.error)
    expect(detail).to_contain_text('"title": "Made"')
    expect(detail.locator(".call.wrong")).to_contain_text("nowhere")
    expect(detail).to_contain_text("claude-sonnet-5-5")


@pytest.mark.usefixtures("kept")
def test_an_output_is_shown_as_markdown(open_board, acme, team):
    task = acme.create_recurring_task("Triage", "Look.", every="4 hours")
    with wsq.open(
        team.place, provider=ScriptedProvider([finish("done", "# Report\n\n* **three** new\n* none lost")])
    ) as other:
        other.store(acme.id).run_now(task.id)
    page = open_board()

    card(page, "Triage").get_by_role("listitem").first.get_by_role("button").click()

    output = page.get_by_role("region", name="Output")
    expect(output.get_by_role("heading", name="Report")).to_be_visible()
    expect(output.get_by_role("listitem").first).to_have_text("three new")


@pytest.mark.usefixtures("kept")
def test_search_finds_whole_texts_and_stands_in_the_address(open_board, acme):
    acme.create_task("Write copy", description="x " * 300 + "harbour")
    acme.create_task("Translate")
    acme.create_recurring_task("Triage", "Ask the HARBOUR master", every="4 hours")
    page = open_board()
    expect(card(page, "Translate")).to_be_visible()

    page.keyboard.press("Control+k")
    page.keyboard.type("harbour")

    expect(card(page, "Write copy")).to_be_visible()
    expect(card(page, "Triage")).to_be_visible()
    expect(card(page, "Translate")).to_be_hidden()
    expect(lane(page, "To do").locator(".count")).to_have_text("1")
    page.reload()
    expect(card(page, "Triage")).to_be_visible()
    expect(card(page, "Translate")).to_be_hidden()
    acme.create_task("The harbour again")
    expect(card(page, "The harbour again")).to_be_visible()
    page.get_by_role("searchbox", name="Search").press("Escape")
    expect(card(page, "Translate")).to_be_visible()


@pytest.mark.usefixtures("kept")
def test_what_was_open_is_open_again_after_a_reload(open_board, acme):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    run = acme.run_now(task.id)
    made = acme.create_task("Write copy")
    page = open_board()

    card(page, "Triage").get_by_role("listitem").first.get_by_role("button").click()
    expect(page.get_by_role("dialog", name="Execution")).to_be_visible()
    expect(page).to_have_url(re.compile(f"open=execution%3A{run.id}"))
    page.reload()
    expect(page.get_by_role("dialog", name="Execution")).to_contain_text("Completed")
    page.get_by_role("button", name="Close").click()
    card(page, "Write copy").get_by_role("button", name="Write copy").click()
    expect(page.get_by_role("dialog", name="Task")).to_be_visible()
    page.reload()
    expect(page.get_by_role("dialog", name="Task").get_by_label("Title")).to_have_value("Write copy")
    expect(page).to_have_url(re.compile(made.id))
    page.keyboard.press("Escape")
    eventually(lambda: "open=" not in page.evaluate("location.search"))


@pytest.mark.usefixtures("kept")
def test_skips_for_the_same_reason_are_one_row_with_their_number(open_board, acme, team):
    task = acme.create_recurring_task("Triage", "Look.", every="1 day")
    for days in (1, 2, 3):
        team.process(now=task.next_execution_at + timedelta(days=days, hours=1), stores=[acme.id])
    page = open_board()

    row = card(page, "Triage").get_by_role("listitem")
    expect(row).to_contain_text("Skipped ×3")
    expect(row).to_contain_text("No scheduler was running when it was due · 4 scheduled runs")


def test_a_budget_that_is_used_up_is_told_on_the_card(open_board, acme, team):
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour", budget_per_day=0.25)
    with wsq.open(team.place, provider=PaidProvider([say("ok")])) as paid:
        paid.store(acme.id).run_now(task.id)
    page = open_board()

    expect(card(page, "Triage").locator(".spent.used_up")).to_have_text("$0.25 of $0.25 today")
    card(page, "Triage").get_by_role("button", name="Run now").click()
    expect(page.get_by_role("alert").filter(has_text="$0.25")).to_be_visible()


def test_no_dialog_is_wider_than_its_window(open_board, acme, team):
    task = acme.create_recurring_task("Triage " + "x" * 150, "y" * 2_000, every="4 hours", assignees=["z" * 190])
    lines = [call(("create_task", {"title": "w" * 190})), finish("done", "v" * 3_000)]
    with wsq.open(team.place, provider=ScriptedProvider(lines)) as other:
        run = other.store(acme.id).run_now(task.id)
    made = acme.task(run.created_task_ids[0])
    page = open_board()
    for place, press in {
        "execution": card(page, task.name).get_by_role("listitem").first.get_by_role("button"),
        "history": card(page, task.name).get_by_role("button", name="History"),
        "recurring": card(page, task.name).get_by_role("button", name="Edit"),
        "task": card(page, made.title).get_by_role("button", name=made.title),
        "new": page.get_by_role("button", name="New recurring task"),
    }.items():
        press.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        dialog.evaluate("dialog => dialog.querySelectorAll('details').forEach((each) => { each.open = true; })")
        for width in (390, 768, 1440):
            page.set_viewport_size({"width": width, "height": 844})
            body = dialog.locator(".body")
            assert body.evaluate("body => body.scrollWidth <= body.clientWidth"), (place, width)
            assert dialog.evaluate("each => each.getBoundingClientRect().right") <= width, (place, width)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_a_closed_dialog_leaves_the_focus_where_the_user_went_next(open_board):
    page = open_board()
    dialog = open_form(page)
    page.get_by_label("New task", exact=True).evaluate(
        """field => {
          const dialog = field.getRootNode().querySelector("dialog");
          const closed = new Promise((resolve) => dialog.addEventListener("close", () => setTimeout(resolve)));
          dialog.close();
          field.focus();
          return closed;
        }"""
    )
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("New task", exact=True)).to_be_focused()


def test_at_390_pixels_a_task_is_made_and_moved_by_touch(open_board, acme):
    page = open_board(width=390, height=844)

    dialog = open_form(page)
    fill_form(page, Name="Triage", Prompt="List the tasks")
    assert dialog.evaluate("dialog => dialog.scrollWidth <= innerWidth")
    dialog.get_by_role("button", name="Create").click()
    expect(card(page, "Triage")).to_be_visible()
    expect(dialog).to_be_hidden()
    page.get_by_label("New task", exact=True).fill("Write copy")
    page.keyboard.press("Enter")
    card(page, "Write copy").get_by_label("Move to").select_option("Doing")

    expect(card(lane(page, "Doing"), "Write copy")).to_be_visible()
    eventually(lambda: [each.status for each in acme.tasks()] == ["doing"])


def test_a_lost_connection_is_shown_heals_and_loses_nothing_that_was_typed(visitor, tmp_path):
    """With a server of its own, which is killed and comes back at the same address."""
    with wsq.open(tmp_path / "own.duckdb") as ws, visitor.new_page() as page:
        store = ws.store("acme")
        task = store.create_recurring_task("Triage", "List the tasks", every="4 hours")
        with serving(ws.place) as server:
            page.goto(f"{server.url}/board?store=acme")
            dialog = open_form(page, "Triage")
            field(dialog, "Prompt").fill("Half a thought")
            server.kill()
        expect(page.get_by_text("The connection to the server was lost")).to_be_visible()
        store.update_recurring_task(task.id, description="Written meanwhile")

        with serving(ws.place, port=server.port):
            expect(page.get_by_text("The connection to the server was lost")).to_be_hidden()
            dialog = page.get_by_role("dialog", name="Edit recurring task")
            expect(field(dialog, "Prompt")).to_have_value("Half a thought")
            expect(field(dialog, "Description")).to_have_value("Written meanwhile")
            dialog.get_by_role("button", name="Save").click()
            eventually(lambda: store.recurring_task(task.id).prompt == "Half a thought")
