"""Somebody logs in, works, is logged out under their hands, comes back, and goes: in a real browser."""

from __future__ import annotations

import pytest
from msgspec import structs
from playwright.sync_api import expect

from tests.auth.conftest import BEGAN, KEPT, PASSWORD, session_of
from tests.views.axe import serious
from wsq.views.auth.users import User


def log_in(page, name):
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.journey
def test_somebody_logs_in_works_is_logged_out_comes_back_and_goes(window, house, team, users):
    # Given a narrow window, and a wrong password first
    page = window
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{house.url}/board?store=acme")
    expect(page).to_have_title("Log in · wsq")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert serious(page) == []
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")

    # When they come in, they are where they wanted to be, and what they do bears their name
    log_in(page, "eve")
    expect(page.get_by_text("A secret of acme")).to_be_visible()
    expect(page.get_by_role("link", name="Admin")).to_have_count(0)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("New task", exact=True).fill("Made by Eve")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="Made by Eve").and_(page.locator(":not(.waiting)"))).to_be_visible()
    made = team.store("acme").events()[-1]
    assert (made.fact.title, made.actor) == ("Made by Eve", "eve")
    assert "secret of globex" not in page.content()

    # When their session ends while they type, that is said, and what they have typed stays
    page.get_by_role("button", name="Made by Eve").click()
    page.get_by_label("Description").fill("A long thought")
    users.change("eve", lambda user: structs.replace(user, password=KEPT.replace("scrypt$1024$", "scrypt$2048$")))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your session has ended. Log in again").first).to_be_visible()
    users.change("eve", lambda user: structs.replace(user, password=KEPT, since=user.since.replace(year=2027)))
    page.context.clear_cookies(name="wsq-session")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Log in").last.click()
    tab = opened.value
    log_in(tab, "eve")
    expect(tab.get_by_text("A secret of acme")).to_be_visible()
    tab.close()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.get_by_text("You are logged in again.")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("A long thought")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert team.store("acme").task(made.fact.task_id).description == "A long thought"

    # When they log out, they are out
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_title("Log in · wsq")
    page.goto(f"{house.url}/board?store=acme")
    expect(page).to_have_title("Log in · wsq")
    assert complaints == []


def test_what_somebody_has_typed_is_not_shown_to_who_logs_in_after_them_and_is_theirs_again(window, house, team):
    page = window
    be = lambda name: page.context.add_cookies([{"name": "wsq-session", "value": session_of(name), "url": house.url}])
    be("eve")
    page.goto(f"{house.url}/board?store=acme")
    page.get_by_role("button", name="A secret of acme").click()
    page.get_by_label("Description").fill("A long thought")

    be("ada")
    page.reload()
    expect(page.get_by_title("Logged in as ada")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_label("Description")).to_have_value("")

    be("eve")
    page.reload()
    expect(page.get_by_role("dialog").get_by_label("Description")).to_have_value("A long thought")


def test_somebody_logs_in_through_a_provider_of_another_site(window, house, provider, users):
    provider.reset()
    provider.put("seven", {"email": "seven@example.com", "email_verified": True})
    users.add(User(name="seven@example.com", stores={"acme": "editor"}, since=BEGAN))
    page = window
    page.goto(f"{house.url}/board?store=acme")

    page.get_by_role("link", name="Log in with generic").click()
    page.get_by_placeholder("sub").fill("seven")
    page.get_by_role("button", name="Authorize").click()

    expect(page).to_have_url(f"{house.url}/board?store=acme")
    expect(page.get_by_text("seven@example.com")).to_be_visible()
    assert {each["name"] for each in page.context.cookies(house.url)} == {"wsq-session", "_xsrf"}
    assert users.remove("seven@example.com").name == "generic:seven"


def test_a_viewer_is_shown_the_board_and_no_button_that_they_may_not_press(window, house):
    page = window
    page.goto(f"{house.url}/board?store=acme")
    log_in(page, "vic")
    expect(page.get_by_role("article", name="Tick of acme")).to_be_visible()

    for name in ("Run now", "Disable", "Duplicate", "Delete", "New recurring task", "Add task", "Edit"):
        assert page.get_by_role("button", name=name).count() == 0, name
    assert page.get_by_role("combobox", name="Move to").count() == 0
    page.get_by_role("button", name="A secret of acme").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("A secret of acme")
    for name in ("Save", "Archive"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0, name
