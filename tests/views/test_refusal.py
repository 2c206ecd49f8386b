"""An address that names what cannot be shown is answered with a sentence, and with the way to what can."""

from playwright.sync_api import expect


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
