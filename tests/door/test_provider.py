"""Logging in through a provider, which is a real HTTP server here."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.door.conftest import BEGAN, SECRET, serving
from wsq.views.door.users import User, UsersFile

CODE, TOKEN, CLIENT_SECRET = "marked-code-1", "marked-token-2", "marked-client-secret-3"


class Provider(BaseHTTPRequestHandler):
    """Gives a token for its code, and for its token says who somebody is: whom the test has put there."""

    who: ClassVar[dict[str, object]] = {}

    def do_POST(self):
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = (asked["code"], asked["client_secret"], asked["client_id"]) == ([CODE], [CLIENT_SECRET], ["wsq"])
        self._say(200 if right else 401, {"access_token": TOKEN} if right else {"error": "no", "of": CODE})

    def do_GET(self):
        self._say(200 if self.headers["Authorization"] == f"Bearer {TOKEN}" else 401, self.who)

    def _say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def house(provider, tmp_path_factory):
    place = tmp_path_factory.mktemp("provider")
    file = UsersFile(place / "users.json")
    file.add(User(name="Ada@example.com", stores={"*": "admin"}, since=BEGAN))
    params = {"AUTHORIZE_URL": "/authorize", "TOKEN_URL": "/token", "USER_URL": "/user"}
    with serving(
        place,
        WSQ_USERS=str(file.path),
        WSQ_COOKIE_SECRET=SECRET,
        WSQ_OAUTH_PROVIDER="generic",
        WSQ_OAUTH_KEY="wsq",
        WSQ_OAUTH_SECRET=CLIENT_SECRET,
        WSQ_OAUTH_PARAMS=",".join(f"{name}={provider}{path}" for name, path in params.items()),
    ) as house:
        yield house


def go(house, code=CODE, state=None):
    """To the provider, and back with its code: the last answer."""
    begun = house.ask("GET", "/login/oauth?next=%2Flibrary")
    assert begun.status == 302
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert asked["redirect_uri"] == [f"{house.url}/login/oauth"]
    cookie = begun.cookie("panel-oauth-state").partition(";")[0]
    assert "HttpOnly" in begun.cookie("panel-oauth-state")
    return house.ask("GET", f"/login/oauth?code={code}&state={state or asked['state'][0]}", cookies=[cookie])


def test_whom_the_provider_knows_and_the_users_file_too_comes_in(house):
    Provider.who = {"email": "ada@example.com", "email_verified": True}
    assert "Log in with generic" in house.ask("GET", "/login").text

    answer = go(house)

    assert (answer.status, answer.headers["Location"]) == (302, "/library")
    session = answer.cookie("wsq-session").partition("=")[2].partition(";")[0]
    assert house.ask("GET", "/library", session=session).status == 200
    assert house.logged("'Ada@example.com' came in from")
    kept = {each.partition("=")[0] for each in answer.headers.get_all("Set-Cookie") if '=""' not in each}
    assert kept == {"wsq-session", "wsq-known"}, "nothing of the provider's is left with the browser"


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ({"email": "mallory@example.com"}, "mallory@example.com is no user here"),
        ({"email": "ada@example.com", "email_verified": False}, "ada@example.com is no user here"),
        ({"login": "ada@example.com"}, "401"),
    ],
)
def test_whom_nobody_has_added_or_the_provider_does_not_vouch_for_stays_out_and_it_is_logged(house, who, why):
    Provider.who = who

    answer = go(house)

    assert answer.status in (401, 403)
    assert not any(each.startswith("wsq-session=") for each in answer.headers.get_all("Set-Cookie") or [])
    assert house.logged(why)


def test_a_code_of_nobody_or_a_state_of_another_lets_nobody_in_and_no_secret_is_logged(house):
    Provider.who = {"email": "ada@example.com"}
    for answer in (go(house, code="marked-wrong-code-4"), go(house, state="marked-state")):
        assert answer.status == 401
        assert "did not let you in" in answer.text
        assert "Traceback" not in answer.text
    assert house.logged("login by generic: 401")
    for secret in (CODE, TOKEN, CLIENT_SECRET, "marked-wrong-code-4", SECRET):
        assert secret not in house.log()


def test_nobody_logs_in_by_a_password_that_is_not_set(house):
    assert house.log_in("Ada@example.com", "").status == 403
