"""Logging in through a provider: real `wsq serve` processes, and oidc-provider-mock as the provider."""

from __future__ import annotations

import html
import itertools
from urllib.parse import quote, urlencode

import pytest
from tornado.web import create_signed_value

from tests.auth.conftest import BEGAN, HOSTILE, session_of
from tests.auth.refused_logins import KNOWN, REFUSED, STATE, Back, flow
from wsq.views.auth.authenticator import FREE_PER_ADDRESS
from wsq.views.auth.users import User

INVITED = {"email": "New.One@example.com", "email_verified": True}
addresses = (f"198.51.100.{n}" for n in itertools.count(1))


def go(house, provider, sub, *, onward="/library", address=None, **form):
    """To the provider, and back with its answer, from an address of one's own."""
    begun = house.ask("GET", f"/login/oauth?next={quote(onward, safe='')}")
    assert begun.status == 302, begun.text
    cookie = begun.cookie("wsq-oauth")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    return Back(list(provider.authorize(begun.headers["Location"], sub, **form).items()), [cookie.partition(";")[0]])


def arrive(house, back, address=None):
    """The answer to a browser that comes back."""
    forwarded = address or next(addresses)
    path = f"/login/oauth?{urlencode(back.query)}"
    return house.ask(back.method, path, cookies=back.cookies, body=back.body, X_Forwarded_For=forwarded), forwarded


def session_in(answer):
    """The session that an answer gives, if any."""
    found = [each for each in answer.headers.get_all("Set-Cookie") or [] if each.startswith("wsq-session=")]
    return found[0].partition("=")[2].partition(";")[0] if found else None


@pytest.fixture
def issuer(provider):
    """The provider, which answers as it should."""
    provider.reset()
    provider.put("known", KNOWN)
    return provider


@pytest.fixture(scope="module", autouse=True)
def known(users):
    """A user of the provider."""
    users.add(User(name="generic:known", stores={"globex": "viewer"}, since=BEGAN))
    users.add(User(name="kim@example.com", stores={"globex": "viewer"}, since=BEGAN))
    yield
    for name in ("generic:known", "kim@example.com"):
        users.remove(name)


# What lets somebody in


def test_a_user_of_the_provider_is_known_by_its_subject(house, issuer):
    assert "Log in with generic" in house.ask("GET", "/login").text

    answer, address = arrive(house, go(house, issuer, "known"))

    assert (answer.status, answer.headers["Location"]) == (303, "../library")
    assert house.ask("GET", "/board?store=globex", session=session_in(answer)).status == 200
    assert house.logged(f"'generic:known' (known@example.com) logged in from {address}")
    kept = {each.partition("=")[0] for each in answer.headers.get_all("Set-Cookie") if '=""' not in each}
    assert kept == {"wsq-session"}, "nothing of the provider's is left with the browser"
    asked, said = issuer.asked[-1], issuer.said[-1]
    assert (asked["code_challenge_method"], asked["scope"], asked["prompt"]) == (
        "S256",
        "openid email profile",
        "login",
    )
    assert asked["nonce"] not in (asked["state"], said["code_verifier"])
    assert not {"refresh_token", "offline_access"} & {*asked, *said}


def test_who_is_invited_by_their_address_is_so_once_and_is_then_known_by_the_subject(house, issuer, users):
    users.add(User(name="new.one@example.com", stores={"globex": "editor"}, since=BEGAN))
    for sub in ("first", "second"):
        issuer.put(sub, INVITED)

    first, _ = arrive(house, go(house, issuer, "first"))
    issuer.put("first", {"email": "other@example.com"})
    second, _ = arrive(house, go(house, issuer, "second"))
    again, _ = arrive(house, go(house, issuer, "first"))

    assert (first.status, second.status, again.status) == (303, 403, 303)
    found = users.remove("New.One@example.com")
    assert found == User(name="generic:first", email="New.One@example.com", stores={"globex": "editor"}, since=BEGAN)
    assert "new.one@example.com" not in users.users()


@pytest.mark.parametrize(
    "onward", ["https://evil.example", "//evil.example", "/\\evil.example", "///evil", "/login", "/" + "x" * 3_000]
)
def test_after_the_provider_nobody_is_led_elsewhere(house, issuer, onward):
    answer, _ = arrive(house, go(house, issuer, "known", onward=onward))

    assert (answer.status, answer.headers["Location"]) == (303, "../board")


# What does not


@pytest.mark.parametrize("name", REFUSED)
def test_a_login_that_is_not_right_in_every_part_is_refused_with_its_reason(house, issuer, users, name):
    # Given a provider that knows somebody, and answers as the case says
    case = REFUSED[name]
    issuer.put(case.sub, case.who)
    issuer.claims, issuer.token, issuer.about = case.claims, case.token, case.about
    before = users.path.read_bytes()

    # When they come back from it
    back = go(house, issuer, case.sub, **case.form)
    if name == "denied":
        back = back._replace(cookies=[flow(id=STATE)])
    answer, address = arrive(house, case.back(back))

    # Then they are not in, the page and the log say why, and nothing secret
    assert answer.status == case.status, answer.text
    assert session_in(answer) is None
    assert case.said in html.unescape(answer.text)
    assert "<b>" not in answer.text
    assert 'action="../login"' in answer.text, "the form is at another path than usual"
    assert house.logged(f"from {address}: login by generic: {case.status} ")
    [line] = [each for each in house.log().splitlines() if f" {address}: login by" in each]
    assert case.said in line
    assert "marked" not in answer.text + line
    assert users.path.read_bytes() == before


def test_an_answer_serves_once(house, issuer):
    back = go(house, issuer, "known")

    first, _ = arrive(house, back)
    again, _ = arrive(house, back)

    assert (first.status, again.status) == (303, 401)
    assert first.cookie("wsq-oauth").startswith('wsq-oauth="";')
    assert "generic refused the login: invalid_grant" in again.text
    assert dict(back.query)["code"] not in again.text + house.log()


def test_what_stands_in_the_next_page_is_no_answer(house, issuer):
    back = go(house, issuer, "known")

    answer = house.ask("GET", f"/login/oauth?next={quote('?' + urlencode(back.query))}", cookies=back.cookies)

    assert (answer.status, session_in(answer)) == (302, None)
    assert answer.headers["Location"].startswith(f"{issuer.url}/oauth2/authorize?"), "it begins anew"


def test_the_provider_is_not_asked_without_end_for_one_address(house, issuer):
    for _ in range(FREE_PER_ADDRESS):
        assert arrive(house, Back([("error", "x"), ("state", "s")], [flow(id="s")]), "203.0.113.200")[0].status == 401

    answer, _ = arrive(house, Back([("error", "x"), ("state", "s")], [flow(id="s")]), "203.0.113.200")

    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


def test_nothing_that_panel_or_bokeh_read_by_themselves_lets_anybody_in(house, issuer):
    [line] = [each for each in house.log().splitlines() if "Ignoring" in each]
    assert all(name in line for name in HOSTILE if name != "AAD_TENANT_ID")
    assert "known to everybody" not in line

    asked = go(house, issuer, "known") and issuer.asked[-1]
    assert asked["redirect_uri"] == f"{house.url}/login/oauth"
    assert asked["client_id"] == "wsq"

    user = create_signed_value("known to everybody", "user", "ada").decode()
    for path in ("/board", "/admin"):
        for cookies in ([], ["is_guest=1"], [f"user={user}"]):
            answer = house.ask("GET", path, cookies=cookies, Accept="text/html")
            assert (answer.status, answer.headers["Location"]) == (303, f"./login?next=%2F{path[1:]}")
    page = house.ask("GET", "/board?store=globex", session=session_of("bob"))
    assert "cdn." not in page.text
