"""Logging in through a provider, which is a real HTTP server here."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.auth.conftest import CODE, Provider


def go(house, code=CODE, state=None, onward="/library"):
    """To the provider, and back with its code: the last answer."""
    begun = house.ask("GET", f"/login/oauth?next={quote(onward, safe='')}")
    assert begun.status == 302
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert asked["redirect_uri"] == [f"{house.url}/login/oauth"]
    cookie = begun.cookie("panel-oauth-state").partition(";")[0]
    assert "HttpOnly" in begun.cookie("panel-oauth-state")
    return house.ask("GET", f"/login/oauth?code={code}&state={state or asked['state'][0]}", cookies=[cookie])


def test_whom_the_provider_knows_and_the_users_file_too_comes_in(house):
    Provider.who = {"email": "max@example.com", "email_verified": True}
    assert "Log in with generic" in house.ask("GET", "/login").text

    answer = go(house)

    assert (answer.status, answer.headers["Location"]) == (302, "../library")
    session = answer.cookie("wsq-session").partition("=")[2].partition(";")[0]
    assert house.ask("GET", "/library", session=session).status == 200
    assert house.logged("'Max@example.com' logged in from")
    kept = {each.partition("=")[0] for each in answer.headers.get_all("Set-Cookie") if '=""' not in each}
    assert kept == {"wsq-session", "wsq-known"}, "nothing of the provider's is left with the browser"


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ({"email": "mallory@example.com"}, "mallory@example.com is no user here"),
        ({"email": "max@example.com", "email_verified": False}, "max@example.com is no user here"),
        ({"login": "max@example.com"}, "401"),
    ],
)
def test_whom_nobody_has_added_or_the_provider_does_not_vouch_for_stays_out_and_it_is_logged(house, who, why):
    Provider.who = who

    answer = go(house)

    assert answer.status in (401, 403)
    assert not any(each.startswith("wsq-session=") for each in answer.headers.get_all("Set-Cookie") or [])
    assert house.logged(why)


def test_a_code_of_nobody_or_a_state_of_another_lets_nobody_in(house):
    Provider.who = {"email": "max@example.com"}
    for answer in (go(house, code="marked-wrong-code"), go(house, state="marked-state")):
        assert answer.status == 401
        assert "refused the login" in answer.text
        assert 'action="../login"' in answer.text, "the form is at another path than usual"
        assert "Traceback" not in answer.text
    assert house.logged("login by generic: 401")


def test_a_link_with_a_code_of_somebody_else_lets_nobody_in_as_them(house):
    Provider.who = {"email": "max@example.com"}
    for state in ("&state=", "", "&state=e30="):
        answer = house.ask("GET", f"/login/oauth?code={CODE}{state}")
        assert answer.status == 401, state
        assert not any(each.startswith("wsq-session=") for each in answer.headers.get_all("Set-Cookie") or [])


@pytest.mark.parametrize("onward", ["///evil.example", "/login"])
def test_after_the_provider_nobody_is_led_out_of_the_house(house, onward):
    Provider.who = {"email": "max@example.com"}

    assert go(house, onward=onward).headers["Location"] == "../board"


@pytest.mark.parametrize("onward", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_an_address_of_another_house_is_not_even_taken_to_the_provider(house, onward):
    assert house.ask("GET", f"/login/oauth?next={quote(onward, safe='')}").status == 400
