"""Administration in a real browser: many tasks of many stores, sifted, switched, paused."""

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import expect

import wsq
from tests.rings import count
from tests.views.payloads import PAYLOADS
from tests.views.serving import served as serving
from tests.views.windows import card, within
from wsq.agent.providers import OfflineProvider, ScriptedProvider
from wsq.agent.providers.base import ProviderError
from wsq.clock import ManualClock
from wsq.commands.recurring import create_recurring_task


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace of this module's own, for the page shows all its stores."""
    return tmp_path_factory.mktemp("admin") / "team.duckdb"


@pytest.fixture(scope="module")
def served(place):
    with serving(place) as server:
        yield server.url


def rows(page):
    return page.get_by_role("table", name="Recurring tasks of all stores").locator("[data-id]")


def row(page, name):
    return page.get_by_role("row", name=name, exact=True)


def names(page):
    return rows(page).evaluate_all("all => all.map((each) => each.getAttribute('aria-label'))")


def make(store, *names_, **given):
    return [store.create_recurring_task(name, "List the tasks", every="1 day", **given) for name in names_]


def test_the_table_is_sifted_and_sorted_and_the_address_remembers_it(open_board, team, acme):
    # Given two stores with tasks in several states, one of which has failed
    failing, _, off = make(acme, "Chase invoices", "Brief the board", "Archive old cards", notify=["ada"])
    acme.disable_recurring_task(off.id, reason="On holiday")
    make(team.store("globex"), "Brief the staff")
    with wsq.open(team.place, provider=ScriptedProvider([ProviderError("Refused.", retryable=False)])) as other:
        other.store(acme.id).run_now(failing.id)
    page = open_board(path="admin")
    expect(page.get_by_role("link", name="Admin 1 thing needs attention")).to_be_visible()
    expect(row(page, "Brief the staff")).to_contain_text("globex")
    expect(row(page, "Archive old cards")).to_contain_text("On holiday")
    expect(row(page, "Chase invoices")).to_contain_text("notifies ada")
    expect(row(page, "Chase invoices")).to_contain_text("Every day")
    expect(row(page, "Chase invoices").get_by_role("cell").nth(5)).to_contain_text("Failed")

    # When it is sifted by store, state and words
    page.get_by_label("In store").select_option(acme.id)
    expect(rows(page)).to_have_count(3)
    assert names(page) == ["Archive old cards", "Brief the board", "Chase invoices"]
    page.get_by_role("button", name="Recurring task", exact=True).click()
    page.get_by_role("button", name="Recurring task", exact=True).click()
    expect(page.get_by_role("columnheader", name="Recurring task")).to_have_attribute("aria-sort", "descending")
    assert names(page) == ["Chase invoices", "Brief the board", "Archive old cards"]
    page.reload()

    # Then that stands after a reload too
    expect(rows(page)).to_have_count(3)
    assert names(page) == ["Chase invoices", "Brief the board", "Archive old cards"]
    for state, left in {
        "failing": ["Chase invoices"],
        "disabled": ["Archive old cards"],
        "enabled": ["Chase invoices", "Brief the board"],
        "running": [],
    }.items():
        page.get_by_label("State").select_option(state)
        expect(rows(page)).to_have_count(len(left))
        assert names(page) == left
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("searchbox").fill("BRIEF")
    expect(page.get_by_role("status").get_by_text("2 of")).to_be_visible()
    assert page.get_by_role("table").get_attribute("aria-rowcount") == "3"

    # And a row leads to its history, its executions, its card
    page.get_by_role("searchbox").fill("invoices")
    row(page, "Chase invoices").get_by_role("button", name="History").click()
    page.get_by_role("dialog", name="Runs").get_by_role("listitem").get_by_role("button").click()
    expect(page.get_by_role("dialog", name="Execution", exact=True)).to_contain_text("Refused.")
    expect(page.get_by_role("dialog", name="Execution", exact=True)).to_contain_text("ada, when it failed")
    page.reload()
    expect(page.get_by_role("dialog", name="Execution", exact=True)).to_contain_text("Refused.")
    page.keyboard.press("Escape")
    row(page, "Chase invoices").get_by_role("link").click()
    expect(page.get_by_role("dialog", name="Edit recurring task")).to_be_visible()


@pytest.mark.journey
def test_several_are_disabled_with_a_reason_and_it_is_undone(open_board, acme):
    tasks = make(acme, "One", "Two", "Three")
    acme.disable_recurring_task(tasks[2].id, reason="Before")
    page = open_board(path="admin", also=f"&in={acme.id}")

    # The keyboard goes from row to row and selects; Shift takes all between
    row(page, "One").get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    expect(row(page, "Three").get_by_role("checkbox")).to_be_focused()
    page.keyboard.press("End")
    expect(row(page, "Two").get_by_role("checkbox")).to_be_focused()
    row(page, "Two").get_by_role("checkbox").click(modifiers=["Shift"])
    expect(page.get_by_text("3 selected")).to_be_visible()

    page.get_by_role("button", name="Disable …").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("Audit <b>now</b>")
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("2 recurring tasks are disabled.")).to_be_visible()
    expect(row(page, "One")).to_contain_text("Audit <b>now</b>")
    expect(row(page, "Three")).to_contain_text("Before")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("That is undone.")).to_be_visible()
    expect(row(page, "Two")).to_contain_text("Enabled")
    expect(row(page, "Three")).to_contain_text("Disabled")

    # Enabling is undone with the reason that there was
    page.get_by_label("Select all that match").check()
    page.get_by_role("button", name="Enable", exact=True).click()
    expect(row(page, "Three")).to_contain_text("Enabled")
    page.get_by_role("button", name="Undo").last.click()
    expect(row(page, "Three")).to_contain_text("Before")
    assert [task.enabled for task in acme.recurring_tasks()] == [False, True, True]


def test_a_pause_shows_wherever_it_holds_and_is_resumed_there(open_board, team, acme):
    # Given a board and the page of administration side by side
    make(acme, "Triage")
    board = open_board()
    expect(card(board, "Triage").get_by_role("timer")).to_be_visible()
    admin = open_board(path="admin", also=f"&in={acme.id}")
    expect(row(admin, "Triage")).to_contain_text("Enabled")

    # When the store is paused for an hour
    admin.get_by_role("button", name="Pause …").click()
    dialog = admin.get_by_role("dialog", name="Pause")
    expect(dialog.get_by_label("What")).to_have_value(acme.id)
    dialog.get_by_label("Reason").fill("Stocktaking <i>")
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog).to_have_count(0)

    # Then both say so, and nothing is counted down
    expect(row(admin, "Triage")).to_contain_text("Paused")
    expect(board.get_by_text("This store is paused until")).to_contain_text("Stocktaking <i>")
    expect(card(board, "Triage").get_by_text("Paused")).to_be_visible()
    expect(card(board, "Triage").get_by_role("timer")).to_have_count(0)
    pause = acme.row()
    assert timedelta(minutes=55) < pause.paused_until - team.clock.now() <= timedelta(hours=1)
    admin.get_by_role("button", name=f"Resume {acme.id}").click()
    expect(card(board, "Triage").get_by_role("timer")).to_be_visible()
    expect(row(admin, "Triage")).to_contain_text("Enabled")

    # When everything is paused for good, each page offers to resume it
    admin.get_by_role("button", name="Pause …").click()
    dialog.get_by_label("What").select_option("")
    dialog.get_by_label("How long").select_option("date")
    dialog.get_by_role("button", name="Pause").click()
    expect(admin.get_by_text("Choose until when")).to_be_visible()
    dialog.get_by_label("How long").select_option("ever")
    dialog.get_by_role("button", name="Pause").click()
    expect(admin.get_by_text("Everything is paused until somebody resumes it")).to_be_visible()
    library = open_board(path="library")
    library.get_by_role("button", name="Resume").click()
    for page in (admin, board, library):
        expect(page.get_by_text("Everything is paused")).to_have_count(0)
    assert team.row().paused_at is None


def test_the_keyboard_keeps_its_place_and_what_had_failed_offers_no_undo(open_board, team, acme):
    # Given a window in which the column of stores has no room, and a task that has failed
    failing, _ = make(acme, "Chase invoices", "Brief the board")
    with wsq.open(team.place, provider=ScriptedProvider([ProviderError("Refused.", retryable=False)])) as other:
        other.store(acme.id).run_now(failing.id)
    page = open_board(path="admin", also=f"&in={acme.id}", width=768)

    # Then a row says of which store it is, and sorting has its switches beside the table
    expect(row(page, "Brief the board").get_by_text(f"{acme.id} · ")).to_be_visible()
    page.get_by_label("Sort by").select_option("name")
    assert names(page) == ["Brief the board", "Chase invoices"]
    page.get_by_role("button", name="Sorted ascending").click()
    expect(page.get_by_role("button", name="Sorted descending")).to_be_focused()
    assert names(page) == ["Chase invoices", "Brief the board"]

    # When the store is paused and resumed by keyboard, what comes next is at hand
    pause = page.get_by_role("button", name="Pause …")
    pause.press("Enter")
    page.get_by_role("dialog").get_by_label("Reason").press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(pause).to_be_focused()
    page.get_by_role("button", name=f"Resume {acme.id}").press("Enter")
    expect(page.get_by_role("button", name=f"Resume {acme.id}")).to_have_count(0)
    expect(pause).to_be_focused()

    # When both are disabled and enabled again, which would not bring back the failure
    everything = page.get_by_label("Select all that match")
    everything.check()
    page.get_by_role("button", name="Disable …").press("Enter")
    acme.update_recurring_task(failing.id, name="Chase old invoices")  # the table is drawn anew behind the dialog
    expect(row(page, "Chase old invoices")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Disable …")).to_be_focused()
    page.keyboard.press("Enter")
    acme.update_recurring_task(failing.id, name="Chase invoices")
    expect(row(page, "Chase invoices")).to_be_visible()
    page.keyboard.press("Enter")
    said = page.get_by_text("2 recurring tasks are disabled. 1 of them had failed")
    expect(said).to_contain_text("counted anew once enabled again")
    expect(everything).to_be_focused()
    everything.check()
    page.get_by_role("button", name="Enable", exact=True).press("Enter")
    expect(page.get_by_text("2 recurring tasks are enabled. 1 of them had failed")).to_be_visible()
    expect(everything).to_be_focused()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)

    # When the address names a store that there is not, it can be looked for, but not paused
    page = open_board(path="admin", also="&in=ghost")
    expect(page.get_by_label("In store")).to_have_value("ghost")
    page.get_by_role("button", name="Pause …").click()
    expect(page.get_by_role("dialog").get_by_label("What")).to_have_value("")
    assert "ghost" not in page.get_by_role("dialog").get_by_label("What").inner_text()


def test_a_lost_connection_loses_neither_what_is_ticked_nor_a_reason(visitor, tmp_path):
    """With a server of its own, which is killed and comes back at the same address."""
    with wsq.open(tmp_path / "own.duckdb") as ws, visitor.new_page() as page:
        make(ws.store("acme"), "One", "Two")
        with serving(ws.place) as server:
            page.goto(f"{server.url}/admin?store=acme")
            row(page, "One").get_by_role("checkbox").check()
            page.get_by_role("button", name="Disable …").click()
            page.get_by_role("dialog").get_by_label("Reason").fill("Half a <b>reason")
            server.kill()
        lost = page.get_by_text("The connection to the server was lost")
        expect(lost).to_be_visible()

        with serving(ws.place, port=server.port):
            expect(lost).to_be_hidden()

            dialog = page.get_by_role("dialog", name="Disable recurring tasks")
            expect(dialog.get_by_label("Reason")).to_have_value("Half a <b>reason")
            expect(page.get_by_text("1 selected")).to_be_visible()
            dialog.get_by_role("button", name="Disable").click()
            expect(row(page, "One")).to_contain_text("Half a <b>reason")
            expect(row(page, "Two")).to_contain_text("Enabled")


def test_alerts_come_and_go_and_lead_to_what_they_are_about(open_board, team, acme):
    # Given a page on which all is well with the store
    [task] = make(acme, "Chase <b>invoices</b>")
    page = open_board(path="admin", also=f"&in={acme.id}")
    expect(row(page, task.name)).to_be_visible()
    mine = page.get_by_role("region", name="Needs attention").get_by_role("listitem").filter(has_text=task.name)
    expect(mine).to_have_count(0)

    # When its task fails
    with wsq.open(team.place, provider=ScriptedProvider([ProviderError("Refused.", retryable=False)])) as other:
        other.store(acme.id).run_now(task.id)

    # Then that is told, leads to the execution, and is gone once it has worked again
    expect(mine).to_be_visible()
    mine.get_by_role("button", name="Show run").click()
    expect(page.get_by_role("dialog", name="Execution", exact=True)).to_contain_text("Refused.")
    page.keyboard.press("Escape")
    acme.run_now(task.id)
    expect(mine).to_have_count(0)

    # When the scheduler stands still, an alert on top of the page says so until it comes back
    alarm = page.get_by_role("alert").filter(has_text="The scheduler was last seen")
    day_before = ManualClock(team.clock.now() - timedelta(days=1))
    with wsq.open(team.place, clock=day_before, provider=OfflineProvider()) as yesterday:
        yesterday.process()
    acme.create_task("so that the page looks")
    expect(alarm).to_contain_text("usually runs every 5 min")
    expect(alarm).to_contain_text("wsq schedule install")
    team.process()
    acme.create_task("so that the page looks again")
    expect(alarm).to_have_count(0)
    expect(page.get_by_text("Scheduler: last pass")).to_have_text(re.compile(r"just now|\ds ago"))


def test_run_now_is_told_and_shown_when_it_has_ended(open_board, acme):
    make(acme, "Triage")
    page = open_board(path="admin", also=f"&in={acme.id}")

    row(page, "Triage").get_by_role("button", name="Run now").click()

    expect(row(page, "Triage")).to_contain_text("Completed")
    expect(row(page, "Triage").get_by_role("button", name="Run now")).to_be_enabled()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("dialog", name="Execution", exact=True)).to_contain_text("Manual")


def test_hostile_names_are_shown_to_the_letter_and_run_nothing(open_board, acme):
    chosen = PAYLOADS[:30]
    for payload in chosen:
        [task] = make(acme, payload.text[:200])
        acme.disable_recurring_task(task.id, reason=payload.text)
    page = open_board(path="admin", also=f"&in={acme.id}", height=1800)

    expect(rows(page)).to_have_count(len(chosen))

    assert sorted(names(page)) == sorted(payload.text[:200].strip() for payload in chosen)
    assert page.evaluate("window.broken") is None
    assert page.locator("main :is(img, script, iframe, style, object, form)").count() == 0


@pytest.mark.timed
def test_a_thousand_are_disabled_within_three_seconds_of_the_click(open_board, team, acme):
    many = count(few=200, many=1_000)

    def make_them(tx):
        for number in range(many):
            create_recurring_task(tx, acme.id, f"Look after part {number:04}", "List the tasks", every="1 day")

    team._log.write(make_them)
    page = open_board(path="admin", also=f"&in={acme.id}")
    expect(page.get_by_text(re.compile(f"^{many:,} (of|recurring tasks)")).first).to_be_visible()
    assert rows(page).count() < 60  # those in sight, and some more
    page.locator("main").evaluate("(main, far) => main.scrollTo(0, far)", 20 * many)
    expect(row(page, f"Look after part {43 * many // 100:04}")).to_be_visible()
    page.get_by_label("Select all that match").check()
    page.get_by_role("button", name="Disable …").click()
    began = time.monotonic()

    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text(f"{many:,} recurring tasks are disabled.")).to_be_visible()
    expect(rows(page).nth(3)).to_contain_text("Disabled")

    assert time.monotonic() - began <= within(3_000) / 1_000
    assert not any(task.enabled for task in acme.recurring_tasks())
