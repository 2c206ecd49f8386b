"""An address that names what cannot be shown is answered with a sentence, and with the way to what can."""

from playwright.sync_api import expect

from wsq.views.server.pages import TITLES


def test_an_address_of_a_store_that_cannot_be_is_refused_in_a_sentence_and_leads_on(open_board, team, acme):
    acme.create_project("Launch")
    team.pause(reason="Holidays")
    page = open_board(path="board?store=no%20store!&")

    expect(page.get_by_role("main")).to_contain_text("no store!")
    expect(page.locator(".banner").filter(has_text="Holidays")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)  # which this page could not carry out
    expect(page.get_by_role("combobox", name="Store")).to_contain_text(acme.id)
    page.get_by_role("link", name="Library").click()
    expect(page.get_by_role("tab", name="Projects")).to_be_visible()
    team.resume()


def test_an_address_of_a_store_that_is_missing_names_the_nearest_and_makes_nothing(open_board, team, acme):
    there = [row.id for row in team.stores()]

    for name in TITLES:
        page = open_board(path=f"{name}?store={acme.id}x&")
        said = f"There is no store '{acme.id}x'; the nearest is '{acme.id}'."
        expect(page.get_by_role("main", name="Nothing to show")).to_contain_text(said)

    assert [row.id for row in team.stores()] == there
