"""What has happened since one was last here, in a real browser."""

import time

import pytest
from playwright.sync_api import expect

import wsq
from tests.domain.worlds import PaidProvider
from tests.views.payloads import PAYLOADS
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.agent.providers.base import ProviderError


def carry_out(team, store, name, provider, **given):
    task = store.create_recurring_task(name, "Look.", every="1 day", **given)
    with wsq.open(team.place, provider=provider) as other:
        return task, other.store(store.id).run_now(task.id)


def part(page, name):
    return page.get_by_role("region", name=name, exact=True)


def figure(page, label):
    return page.get_by_role("group", name="In figures").locator(".figure").filter(has_text=label).locator("strong")


@pytest.fixture
def busy(team, acme):
    """A store in which much has happened just now."""
    made = [call(("create_task", {"title": "Check <i>mail</i>"})), finish("done", "Made one.")]
    carry_out(team, acme, "Triage", PaidProvider(made, price=0.25))
    carry_out(team, acme, "Chase invoices", ScriptedProvider([finish("could_not", "I lack <b>the</b> invoices.")]))
    task, _ = carry_out(team, acme, "Brief", ScriptedProvider([ProviderError("Refused.", retryable=False)]))
    acme.disable_recurring_task(task.id, reason="Until it is paid")
    acme.create_task("By hand")
    return acme


@pytest.mark.journey
def test_it_tells_what_has_happened_and_leads_there(open_board, busy):
    page = open_board(path="since")

    # The first time in this browser it tells of the last day
    expect(page.get_by_text("You have not been here before in this browser")).to_be_visible()
    for label, value in {"Done": "1", "Could not": "1", "Failed": "1", "Cards made": "2", "Spent": "$0.50"}.items():
        expect(figure(page, label)).to_have_text(value)
    expect(part(page, "Failed or could not")).to_contain_text("I lack <b>the</b> invoices.")
    cards = part(page, "Cards").get_by_role("listitem")
    expect(cards.first).to_contain_text("By hand")  # the newest
    expect(cards.nth(1)).to_contain_text("made by an agent")
    expect(part(page, "Changes")).to_contain_text("disabled by")
    expect(part(page, "Changes")).to_contain_text("Until it is paid")

    # What comes is added while one looks
    busy.create_task("Later")
    expect(part(page, "Cards")).to_contain_text("Later")

    # Each line leads to its execution or card
    part(page, "Failed or could not").get_by_role("button", name="Brief").click()
    expect(page.get_by_role("dialog", name="Execution")).to_contain_text("Refused.")
    page.keyboard.press("Escape")
    part(page, "Cards").get_by_role("link", name="Check <i>mail</i>").click()
    expect(page.get_by_role("dialog", name="Task").get_by_label("Title")).to_have_value("Check <i>mail</i>")


def test_the_browser_remembers_when_it_was_last_here(open_board, busy):
    # Given that somebody was here three days ago, and for a minute an hour ago
    page = open_board(path="library")
    ago = {"seen": 3600, "before": 3 * 86400}
    page.evaluate(
        "([store, seen]) => localStorage.setItem('wsq-visits', JSON.stringify({ [store]: { seen, before: 1 } }))",
        [busy.id, (time.time() - ago["seen"]) * 1000],
    )

    # When they come back, to the board first
    page.goto(page.url.replace("library", "board"))
    expect(page.get_by_role("article", name="By hand")).to_be_visible()
    page.goto(page.url.replace("board", "since"))

    # Then it is told since that visit, not since the board was opened just now
    shown = page.locator(".from time")
    expect(page.get_by_text("You have not been here before")).to_have_count(0)
    expect(figure(page, "Cards made")).to_have_text("2")
    instant = shown.evaluate("each => Date.parse(each.dateTime) / 1000")
    assert abs(time.time() - ago["seen"] - instant) < 120

    # And another span can be chosen, which the address keeps
    page.get_by_label("Since", exact=True).select_option("date")
    page.get_by_label("Date and time").fill("2099-01-01T00:00")
    expect(page.get_by_text("Nothing has happened.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Nothing has happened.")).to_be_visible()
    page.get_by_label("Since", exact=True).select_option("week")
    expect(figure(page, "Cards made")).to_have_text("2")

    # A date further away than any can be told is the last that can
    page.goto(page.url.replace("since=week", "since=%2B275760-09-13T00:00:00Z"))
    expect(page.get_by_text("Nothing has happened.")).to_be_visible()
    expect(page.locator(".from")).to_contain_text("9998")

    # Of a browser whose clock is wrong, visits are remembered by the server's
    page.add_init_script("const right = Date.now; Date.now = () => right() - 5 * 86400000")
    page.reload()
    expect(page.get_by_text("Nothing has happened.")).to_be_visible()
    seen = page.evaluate("store => JSON.parse(localStorage.getItem('wsq-visits'))[store].seen / 1000", busy.id)
    assert abs(time.time() - seen) < 60
    page.close()  # its clock stays wrong


def test_a_store_that_is_not_there_has_nothing_to_tell(open_board):
    expect(open_board(path="since").get_by_text("Nothing has happened.")).to_be_visible()


def test_hostile_names_run_nothing(open_board, acme):
    for payload in PAYLOADS[:20]:
        acme.create_task(payload.text[:200])
        task = acme.create_recurring_task(payload.text[:200], "List the tasks", every="1 day")
        acme.disable_recurring_task(task.id, reason=payload.text)
    page = open_board(path="since")

    expect(part(page, "Cards").get_by_role("listitem")).to_have_count(20)

    shown = part(page, "Cards").get_by_role("link").all_text_contents()
    assert shown == [payload.text[:200].strip() for payload in PAYLOADS[19::-1]]
    assert page.evaluate("window.broken") is None
    assert page.locator("main :is(img, script, iframe, style, object, form)").count() == 0
