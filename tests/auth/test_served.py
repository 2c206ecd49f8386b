"""The pages as others reach them: who comes in, and what becomes of everything else."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from urllib.parse import quote, urljoin

import pytest
from bokeh.util.token import get_session_id, get_token_payload

from tests.auth.conftest import PASSWORD, SECRET, expired, session_of
from tests.commands import run
from tests.store.crew import eventually
from wsq.views.auth import sessions
from wsq.views.auth.authenticator import MANY
from wsq.views.auth.guard import OPEN_TO_ALL
from wsq.views.auth.sessions import Session, Signer
from wsq.views.server.pages import TITLES

PAGES = list(TITLES)
EVERYTHING = [
    *("/", *(f"/{page}" for page in PAGES), *(f"/{page}/autoload.js" for page in PAGES)),
    *("/board/ws", "/board/metadata", "/session", "/static/js/bokeh.min.js", "/static/extensions/panel/panel.min.js"),
    *(
        "/components/wsq.views.board.component/Board/_esm/x.js",
        "/nothing-like-it",
        "/login/",
        "/Login",
        "//login",
        "/health/x",
    ),
]
"""Every address that is served, and some that are not."""


def knock(house, path="/board/ws", *, session=None, page="no-token", **headers):
    """Ask for a websocket: 101 when it opens, else the status that refuses it."""
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    handshake |= {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec_WebSocket_Protocol": f"bokeh, {page}"}
    return house.ask("GET", path, session=session, **handshake, **headers).status


def token_of(page):
    """What lets the page's script open its websocket."""
    return re.search(r'"token":"([^"]+)"', page.text)[1]


def test_nothing_is_served_without_a_session_that_holds_and_it_is_logged(house):
    forged = session_of("ada")[:-1] + "0"
    nobodys = {
        "without one": None,
        "with one that is over": expired("ada"),
        "with one that has lasted for too long": session_of("ada", since=timedelta(seconds=sessions.LONGEST + 60)),
        "with one of the future": session_of("ada", ago=timedelta(days=-1)),
        "with a forged one": forged if forged != session_of("ada") else forged[:-1] + "1",
        "with one of somebody unknown": session_of("mallory"),
        "with one from before another password": session_of("ada", proof="another"),
    }
    for session in nobodys.values():
        for path in EVERYTHING if session is None else EVERYTHING[:3]:
            answer = house.ask("GET", path, session=session, Accept="text/html")
            assert answer.status == 303, path
            assert re.fullmatch(r"(\./|(\.\./)+)login\?next=.*", answer.headers["Location"]), path
            assert "secret" not in answer.text
    assert house.ask("GET", "/static/js/bokeh.min.js", Accept="*/*").status == 403
    for method in ("POST", "PUT", "DELETE"):
        assert house.ask(method, "/board").status == 403
    for name, session in nobodys.items():
        assert knock(house, session=session) == 403, name
    line = "auth.refused: Refused to an unknown user from 127.0.0.1: GET '/board/ws' without a valid session"
    assert house.logged(line)


def test_what_is_open_to_all_tells_nothing_of_the_workspace(house):
    for path in OPEN_TO_ALL:
        answer = house.ask("GET", path)
        assert answer.status in (200, 302, 303), path
        assert "acme" not in answer.text
    assert json.loads(house.ask("GET", "/health").text) == {"status": "ok"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_store_that_one_is_no_member_of_is_one_that_is_not_there(house, page):
    bob = session_of("bob")

    foreign = house.ask("GET", f"/{page}?store=acme", session=bob)
    missing = house.ask("GET", f"/{page}?store=nowhere", session=bob)

    assert (foreign.status, missing.status) == (200, 200)
    assert "secret" not in foreign.text
    if page != "admin":
        assert house.logged(f"Refused to 'bob' from 127.0.0.1: /{page}: There is no store 'acme' that you are a")
        assert house.logged(f"Refused to 'bob' from 127.0.0.1: /{page}: There is no store 'nowhere' that you are a")


@pytest.mark.parametrize("page", PAGES)
def test_a_store_that_is_missing_is_answered_with_the_nearest_that_one_may_see(house, page):
    house.ask("GET", f"/{page}?store=acne", session=session_of("ada"))
    house.ask("GET", f"/{page}?store=acne", session=session_of("vic"))

    assert house.logged(f"/{page}: There is no store 'acne'; the nearest is 'acme'.")
    if page != "admin":
        assert house.logged(f"Refused to 'vic' from 127.0.0.1: /{page}: There is no store 'acne' that you are a")


def test_the_administration_is_refused_to_who_administers_nothing_and_it_is_logged(house):
    assert house.ask("GET", "/admin", session=session_of("vic")).status == 200
    refusal = "Only admins may see the administration of all stores."
    assert house.logged(f"Refused to 'vic' from 127.0.0.1: /admin: {refusal}")


def test_a_websocket_opens_for_pages_of_this_house_alone_and_for_who_has_opened_the_page(house):
    ada, page = session_of("ada"), house.ask("GET", "/board?store=acme", session=session_of("ada"))
    token = token_of(page)

    assert knock(house, session=ada, Origin="https://evil.example", page=token) == 403
    assert knock(house, session=ada, Origin="null", page=token) == 403
    assert knock(house, session=ada, Origin=f"http://{house.host}.evil.example", page=token) == 403
    assert knock(house, session=session_of("bob"), Origin=house.url, page=token) == 403
    assert knock(house, session=ada, Origin=house.url, page=token) == 101
    assert knock(house, session=ada, Origin="https://wsq.example.com", page=token) == 101
    assert house.logged("sent by a page of 'https://evil.example'")
    assert house.logged("Refused to 'bob' from 127.0.0.1: GET '/board/ws', a page of another user")


def test_nobody_is_led_to_a_page_that_another_has_made(house):
    # Given a page of somebody, its id and its token
    bob, ada = session_of("bob"), session_of("ada")
    token = token_of(house.ask("GET", "/board?store=globex", session=bob))
    page = get_session_id(token)

    # Then none of them opens it again, for nobody
    for session in (ada, bob):
        assert house.ask("GET", f"/board?bokeh-session-id={page}", session=session).status == 403
        assert house.ask("GET", f"/board?bokeh-token={token}", session=session).status == 403
        assert house.ask("GET", "/board", session=session, Bokeh_Session_Id=page).status == 403
        assert house.ask("GET", "/board", session=session, body={"bokeh-session-id": page}).status == 403
    assert house.logged("Refused to 'ada' from 127.0.0.1: GET '/board', for an existing page")


def test_what_would_import_a_module_or_serve_other_sites_is_not_served(house):
    vic = session_of("vic")

    for path in ("unittest.__main__/x/_css/y", "antigravity/x/_css/y"):
        assert house.ask("GET", f"/components/{path}", session=vic).status == 404
    for page in PAGES:
        assert house.ask("GET", f"/{page}/autoload.js?bokeh-autoload-element=x", session=vic).status == 403

    assert house.ask("GET", "/health").status == 200, "it is still there"


def test_an_origin_that_is_none_is_refused_and_logged(house):
    for origin in ("http://[", "://", "http://"):
        assert house.ask("POST", "/login", body={}, Origin=origin).status == 403, origin
    assert house.logged("sent by a page of 'http://['")
    assert "Traceback" not in house.log()


def test_a_page_tells_its_script_nothing_that_lets_one_in(house):
    session = session_of("ada")

    page = house.ask("GET", "/board", session=session, cookies=["wsq-known=a-device"])

    payload = json.dumps(get_token_payload(token_of(page)))
    for text in (page.text, payload):
        assert session not in text
        assert session.partition(".")[2] not in text
        assert "a-device" not in text


def test_who_has_the_password_comes_in_and_goes_on_to_where_they_were(house):
    wanted = quote("/board?store=acme", safe="")
    form = house.ask("GET", f"/login?next={wanted}")
    assert 'name="next" value="/board?store=acme"' in form.text

    answer = house.post("/login", {"name": "Eve ", "password": PASSWORD, "next": "/board?store=acme"})

    assert (answer.status, answer.headers["Location"]) == (303, "./board?store=acme")
    for cookie in map(answer.cookie, ("wsq-session", "wsq-known")):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
    assert house.logged("'eve' logged in from 127.0.0.1")
    session = answer.cookie("wsq-session").partition("=")[2].partition(";")[0]
    assert house.ask("GET", "/board", session=session).status == 200


def test_behind_a_proxy_that_speaks_tls_cookies_are_for_tls_alone(house):
    answer = house.log_in("vic", X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9, 198.51.100.4")

    for name in ("__Host-wsq-session", "__Host-wsq-known"):
        assert {"Secure", "HttpOnly", "Path=/"} <= {*answer.cookie(name).split("; ")}
    assert house.logged("'vic' logged in from 198.51.100.4"), "only what the proxy itself says is believed"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_and_are_logged(house):
    wrong, unknown = house.log_in("vic", "not the password"), house.log_in("<b>nobody</b>", "not the password")

    assert (wrong.status, unknown.status) == (403, 403)
    assert wrong.headers.get_all("Set-Cookie") is None
    without = [re.sub(r'(value|nonce)="[^"]*"', "", each.text) for each in (wrong, unknown)]
    assert without[0] == without[1]
    assert "&lt;b&gt;nobody" in unknown.text
    assert "<b>nobody" not in unknown.text
    assert house.logged("Refused to 'vic' from 127.0.0.1: login: Wrong name or password.")


def test_who_guesses_waits_but_neither_who_has_been_here_before_nor_who_is_elsewhere(house):
    # Given a browser from which somebody has come in
    known = house.log_in("bob", X_Forwarded_For="192.0.2.1").cookie("wsq-known").partition(";")[0]
    token = house.form_token()

    def guess(address):
        body = {"_xsrf": token, "name": "bob", "password": "a guess"}
        return house.ask("POST", "/login", body=body, cookies=[f"_xsrf={token}"], X_Forwarded_For=address)

    # When somebody else guesses, at the same address and at many others, several at once
    with ThreadPoolExecutor(8) as places:
        answers = list(places.map(guess, ["192.0.2.1"] * 8))
        others = list(places.map(guess, [f"203.0.113.{n % 40 + 1}" for n in range(MANY + 10)]))

    # Then they wait, and neither the known browser does nor the user's new one
    assert sorted(each.status for each in answers) == [403] * 5 + [429] * 3
    assert [int(each.headers["Retry-After"]) for each in answers if each.status == 429] == [1, 1, 1]
    assert {each.status for each in others} == {403}
    assert house.log_in("bob", X_Forwarded_For="192.0.2.1", cookies=[known]).status == 303
    assert house.log_in("bob", X_Forwarded_For="192.0.2.99").status == 303
    assert house.logged("login: Too many attempts. Try again in 1 s.")


def test_a_form_that_is_not_ours_is_refused_and_logged(house):
    ada = session_of("ada")
    right = {"name": "ada", "password": PASSWORD}
    token = house.form_token()

    assert house.ask("POST", "/login", body=right).status == 403
    assert house.ask("POST", "/login", body=right, cookies=[f"_xsrf={token}"]).status == 403
    assert house.ask("POST", "/login", body={**right, "_xsrf": token}).status == 403
    assert house.post("/login", right, Origin="https://evil.example").status == 403
    for path in ("/logout", "/session"):
        assert house.ask("POST", path, session=ada, body={}).status == 403
        assert house.post(path, {}, session=ada, Origin="https://evil.example").status == 403
    assert house.ask("GET", "/logout", session=ada).headers["Location"] == "./board"
    assert house.ask("GET", "/board", session=ada).status == 200, "nobody was logged out by it"
    assert house.logged("auth.refused: Refused to an unknown user from 127.0.0.1: login: 403")
    with socket.create_connection(house.host.split(":")) as link:
        link.sendall(b"POST /login HTTP/1.1\r\nHost: wsq.example.com\r\nContent-Length: 200000\r\n\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "next_",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/login", "/a\r\nb: c"),
        *("/../other", "/board/%2E./../other", "/.", "/a/.%2e"),
    ],
)
def test_after_logging_in_nobody_is_led_out_of_the_house(house, next_):
    answer = house.ask("GET", f"/login?next={quote(next_, safe='')}", session=session_of("ada"))

    assert (answer.status, answer.headers["Location"]) == (303, "./board")


def test_logging_out_ends_the_session_and_every_copy_of_it(house):
    session = house.log_in("ada").cookie("wsq-session").partition("=")[2].partition(";")[0]
    assert house.ask("GET", "/board", session=session).status == 200

    answer = house.post("/logout", {}, session=session)

    assert (answer.status, answer.headers["Location"]) == (303, "./login")
    assert answer.cookie("wsq-session").startswith('wsq-session="";')
    assert house.ask("GET", "/board", session=session, Accept="text/html").status == 303
    assert house.post("/session", {}, session=session).status == 403


def test_after_a_restore_under_the_server_logouts_of_others_are_heard_and_its_own_still_hold(house, team, place):
    backup, ended, other = team.backup(place / "earlier.duckdb"), session_of("vic"), session_of("eve")
    for _ in range(3):
        house.post("/logout", {}, session=session_of("vic"))
    house.post("/logout", {}, session=session_of("ada", ago=timedelta(minutes=3)))
    assert house.ask("GET", "/board", session=ended, Accept="text/html").status == 303

    assert run("wsq", "restore", backup, "--database", team.place).status == 0
    assert house.ask("GET", "/board?store=acme", session=other).status == 200
    team.end_session(sha256(Signer(SECRET).read(Session, other).id.encode()).hexdigest(), actor="eve")

    assert eventually(lambda: house.ask("GET", "/board", session=other, Accept="text/html").status == 303)
    assert house.ask("GET", "/board", session=ended, Accept="text/html").status == 303


def test_who_is_there_keeps_their_session_but_not_for_ever(house):
    session = session_of("ada", ago=timedelta(hours=7), since=timedelta(days=6))

    answer = house.post("/session", {}, session=session)

    cookie = answer.cookie("wsq-session")
    assert int(re.search(r"Max-Age=(\d+)", cookie)[1]) <= 86_400
    assert cookie.partition("=")[2].partition(";")[0] != session
    assert set(json.loads(answer.text)) == {"ticket"}


def test_every_answer_carries_the_policy(house):
    for path, session in (("/login", None), ("/board", None), ("/board", session_of("ada")), ("/health", None)):
        headers = house.ask("GET", path, session=session, Accept="text/html").headers
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_head_is_answered_as_get_and_what_is_not_there_with_a_page_of_ours(house):
    ada, page = session_of("ada"), {"Accept": "text/html"}
    for path, status in (("/board", 200), ("/admin", 200), ("/login", 200), ("/health", 200), ("/", 302), ("/no", 404)):
        assert house.ask("HEAD", path, session=ada).status == status, path
    assert house.ask("HEAD", "/board", **page).status == 303

    for path in ("/nowhere", "/nowhere/at/all", "/components/x", "/%3Cb%3E", "/" + "x" * 5_000):
        answer = house.ask("GET", path, session=ada, **page)
        assert answer.status == 404
        assert "There is no page at /" in answer.text
        assert "Open the board" in answer.text
        assert "<b>" not in answer.text
        assert len(answer.text) < 50_000
    assert house.ask("GET", "/nowhere", session=ada).text == "There is no page at /nowhere.\n"


def redirects(house):
    """Each redirect that there is, by the path of its request."""
    ada, page = session_of("ada"), {"Accept": "text/html"}
    yield "/", house.ask("GET", "/?store=acme", session=ada)
    for path in (*EVERYTHING, "/board?store=acme"):
        yield path, house.ask("GET", path, **page)
    for name in PAGES:
        yield f"/{name}/", house.ask("GET", f"/{name}/?store=acme", session=ada)
    for onward in ("/board?store=acme", "/library", "/", "/x:y"):
        yield "/login", house.ask("GET", f"/login?next={quote(onward)}", session=ada)
        yield "/login", house.post("/login", {"name": "vic", "password": PASSWORD, "next": onward})
    yield "/logout", house.ask("GET", "/logout", session=ada)
    yield "/logout", house.post("/logout", {}, session=session_of("eve", ago=timedelta(seconds=1)))


def test_every_redirect_stays_below_the_path_at_which_a_proxy_serves_us(house):
    found = list(redirects(house))

    assert len(found) == len(EVERYTHING) + len(PAGES) + 12
    for path, answer in found:
        target = answer.headers["Location"]
        assert answer.status in (302, 303), path
        assert target.startswith("."), path
        reached = urljoin(f"https://example.com/team{path.replace('//', '/x/')}", target)  # Python drops empty parts
        assert reached.startswith("https://example.com/team/"), (path, target)


def test_a_host_that_a_proxy_hides_is_named_with_what_to_do(house):
    for path, session in (("/login", None), ("/unopened", session_of("ada"))):
        answer = house.ask("POST", path, session=session, body={}, Origin="https://Board.Example.com:8443")
        assert answer.status == 403
        assert "--origin board.example.com:8443, or set WSQ_ORIGIN=board.example.com:8443." in answer.text
    for origin in ("null", "https://a b", "https://<b>", f"https://{'a' * 300}"):
        assert house.ask("POST", "/login", body={}, Origin=origin).text == "This request was sent by another site.\n"


def test_a_page_is_told_why_its_websocket_is_refused(house):
    ada, token = session_of("ada"), token_of(house.ask("GET", "/board?store=acme", session=session_of("ada")))
    ask = {"Origin": house.url}

    assert house.ask("POST", "/unopened", session=ada, **ask).status == 204
    assert house.ask("POST", "/unopened", text=token, session=ada, **ask).status == 204
    for wrong in (f"{token}x", "x", "é"):
        answer = house.ask("POST", "/unopened", text=wrong, session=ada, **ask)
        assert (answer.status, answer.text) == (403, "This page has expired. Reload it.")
    assert house.ask("POST", "/unopened", text=token, **ask).status == 403
    assert "Your session has ended" in house.ask("POST", "/unopened", session=expired("ada"), **ask).text
