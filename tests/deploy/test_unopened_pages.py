"""A page whose websocket cannot be opened says why, and what to do, in a real browser on a real `wsq serve`."""

from __future__ import annotations

import http.client
import re

import pytest
from bokeh.util.token import generate_jwt_token, get_session_id
from playwright.sync_api import expect

from tests.deploy.conftest import free_port, is_up
from tests.deploy.relay import Relay


@pytest.fixture(scope="module")
def port(host):
    """Where `wsq serve` listens, without a login."""
    here, port = host("pages"), free_port()
    here.start(f"wsq serve --port {port} --no-scheduler --origin board.localhost", {"WSQ_DATABASE": "team.duckdb"})
    assert is_up(f"http://127.0.0.1:{port}/health"), here.log()
    return port


@pytest.fixture
def relay(port):
    """Makes proxies before it."""
    made = []

    def make(**given):
        made.append(Relay(port, **given))
        return made[-1].port

    yield make
    for each in made:
        each.close()


def expect_reason(window, text):
    """The page has nothing but a reason, which is where people and screen readers find it."""
    expect(window.get_by_role("alert")).to_contain_text(text)
    expect(window.get_by_role("button", name="Reload")).to_be_visible()


def aged(answer):
    """A page as it was eight minutes ago; other answers as they are."""
    head, end, body = answer.partition(b"\r\n\r\n")
    found = re.search(rb'"token":"([^"]+)"', body)
    if found is None:
        return answer
    token = generate_jwt_token(get_session_id(found[1].decode()), expiration=300 - 480).encode()
    body = body.replace(found[1], token)
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + end + body


def answered(port, **headers):
    """How a request for a websocket is answered."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    handshake |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "bokeh, x"}
    link.request("GET", "/board/ws", headers=handshake | headers)
    status = link.getresponse().status
    link.close()
    return status


def test_a_proxy_that_drops_the_upgrade_is_named(window, relay):
    window.goto(f"http://board.localhost:{relay(dropped='Upgrade')}/board")

    expect_reason(window, "A proxy before wsq must pass on the headers Upgrade and Connection")


def test_a_host_that_is_not_allowed_is_named_with_what_allows_it(window, port):
    window.goto(f"http://wsq.localhost:{port}/")

    name = f"wsq.localhost:{port}"
    expect_reason(window, f"start `wsq serve` with --origin {name}, or set WSQ_ORIGIN={name}.")
    window.goto(f"http://board.localhost:{port}/board/?store=default")
    expect(window.get_by_role("button", name="New recurring task")).to_be_visible()
    expect(window.get_by_text("Reload")).to_have_count(0)


def test_a_page_that_has_expired_says_so(window, relay):
    window.goto(f"http://board.localhost:{relay(changed=aged)}/board")

    expect_reason(window, "This page has expired. Reload it.")


def test_a_server_that_has_gone_is_named(window, relay):
    window.route("**/unopened", lambda route: route.abort())
    window.goto(f"http://board.localhost:{relay(dropped='Upgrade')}/board")

    expect_reason(window, "wsq does not answer.")


def test_scripts_that_are_not_there_are_named(window, port):
    window.clock.install()
    window.route("**/static/**", lambda route: route.abort())
    window.goto(f"http://localhost:{port}/board")
    window.clock.fast_forward(16_000)

    expect_reason(window, "The scripts of this page could not be loaded.")


def test_a_browser_that_runs_no_scripts_is_told_so(window, port):
    page = window.context.browser.new_page(java_script_enabled=False)
    page.goto(f"http://localhost:{port}/board")

    expect(page.get_by_text("wsq needs JavaScript")).to_be_visible()
    expect(page.locator(".skeleton")).to_be_hidden()
    page.close()


def test_until_the_page_is_there_its_outline_is_shown(window, port):
    window.route("**/static/**", lambda route: None)  # never answered
    window.goto(f"http://localhost:{port}/board", wait_until="commit")
    expect(window.locator(".skeleton")).to_be_visible()
    window.unroute_all()
    window.goto(f"http://localhost:{port}/board")
    expect(window.get_by_role("button", name="New recurring task")).to_be_visible()
    expect(window.locator(".skeleton")).to_have_count(0)


@pytest.mark.parametrize("site", ["none", "same-origin", None])
def test_without_a_login_a_website_that_takes_this_machines_address_gets_no_websocket(port, site):
    """By DNS rebinding: its name is the requested host, and its pages are of the same origin."""
    own = {"Sec-Fetch-Site": site} if site else {}
    evil = f"evil.example:{port}"

    assert answered(port, Host=evil, Origin=f"http://{evil}", **own) == 403
    assert answered(port, Host=evil, Origin=f"http://127.0.0.1:{port}", **own) == 101
    assert answered(port, Origin=f"http://localhost:{port}", **own) == 101
