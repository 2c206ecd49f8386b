"""wsq below a path of real proxies, which end TLS, as docs/deployment.md sets them up: from the login to the logout."""

from __future__ import annotations

import re
import socket
import subprocess
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browsing import PATIENCE
from tests.deploy.blueprint import ROOT
from tests.deploy.conftest import free_port, is_up
from tests.deploy.programs import program
from tests.views.windows import eventually
from wsq.views.server.pages import TITLES

pytestmark = pytest.mark.long

HOST = "proxy.localhost"
"""Browsers take names below localhost for this machine."""
PASSWORD = "a password for the proxies"
LOGIN = {"WSQ_ADMIN": "ada", "WSQ_ADMIN_PASSWORD": PASSWORD, "WSQ_COOKIE_SECRET": "a-secret-of-the-tests-" * 3}


def documented(language):
    """The configuration in the docs."""
    text = (ROOT / "docs/deployment.md").read_text("utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def with_nginx(here, port, wsq_port, certificate, key):
    """The command that starts nginx, and its configuration."""
    server = documented("nginx").replace("443", f"127.0.0.1:{port}").replace("5006", str(wsq_port))
    server = server.replace("example.com;", f"{HOST};", 1)
    server = server.replace("/etc/ssl/example.com.pem", str(certificate)).replace("/etc/ssl/example.com.key", str(key))
    mute = re.sub(r".*(Upgrade|Connection).*\n", "", re.search(r"    location.*?\n    }\n", server, re.DOTALL)[0])
    server = server.replace("    location", mute.replace("/team/", "/mute/") + "\n    location", 1)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{kind}_temp_path {here}/{kind};" for kind in kinds)
    rest = f"daemon off; pid {here}/nginx.pid; error_log stderr; events {{}} http {{ access_log off; {folders}"
    (here / "nginx.conf").write_text(f"{rest}\n{server}}}\n")
    return [program("nginx"), "-e", "stderr", "-p", str(here), "-c", str(here / "nginx.conf")]


def with_caddy(here, port, wsq_port, certificate, key):
    """The command that starts Caddy, and its configuration."""
    site = documented("caddy").replace("5006", str(wsq_port))
    site = site.replace("example.com {", f"https://{HOST}:{port} {{\n    bind 127.0.0.1\n    tls {certificate} {key}")
    (here / "Caddyfile").write_text(f"{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}")
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(here / "Caddyfile")]


def listens(port):
    """Whether somebody listens on a port."""
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module", params=[with_nginx, with_caddy], ids=["nginx", "caddy"])
def proxied(request, host):
    """The address of `wsq serve` with a login behind a proxy, and what the server has logged."""
    here = host(request.param.__name__)
    certificate, key = here.home / "certificate.pem", here.home / "key.pem"
    make = [*(program("openssl"), "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")]
    make += ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-out", certificate, "-keyout", key]
    subprocess.run(make, check=True, capture_output=True)
    port, wsq_port = free_port(), free_port()
    here.start(f"wsq serve --port {wsq_port} --no-scheduler", {"WSQ_DATABASE": "team.duckdb"} | LOGIN)
    here.start(request.param(here.home, port, wsq_port, certificate, key), {})
    assert is_up(f"http://127.0.0.1:{wsq_port}/health"), here.log()
    eventually(lambda: listens(port))
    yield f"https://{HOST}:{port}/team/", here.log
    assert here.shut_down() == [0, 0], here.log()


@pytest.fixture
def visited(browser):
    """A window that takes any certificate, the addresses that it asked for, and what it complained of."""
    with browser.new_context(ignore_https_errors=True, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE)
        page, asked, complaints = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url.replace("wss:", "https:")))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(f"{said.text} {said.location}"))
        yield page, asked, complaints


def log_in(page):
    """Fill in the form."""
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_below_a_path_of_a_proxy_everything_stays_below_it(proxied, visited):
    # Given somebody who comes without the slash, and is led to the login
    url, log = proxied
    page, asked, complaints = visited
    page.goto(url.rstrip("/"))
    expect(page).to_have_title("Log in · wsq")
    assert page.url.startswith(f"{url}login?next=")

    # When they log in, the board is drawn over its websocket and what they do is kept
    log_in(page)
    expect(page.get_by_role("button", name="New recurring task")).to_be_visible()
    assert page.url.startswith(f"{url}board")
    page.get_by_label("New task", exact=True).fill("Made behind a proxy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="Made behind a proxy").and_(page.locator(":not(.waiting)"))).to_be_visible()

    # And all pages open by their links, and the session can be renewed
    for path, title in TITLES.items():
        page.goto(f"{url}{path}/")
        expect(page).to_have_title(f"{title} · wsq")
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.get_by_role("link", name="Library").click()
    expect(page).to_have_title("Library · wsq")
    for cookie in page.context.cookies():
        assert cookie["secure"], cookie
    renew = "fetch('session', {method: 'POST', headers: {'X-XSRFToken': document.cookie.split('_xsrf=')[1]}})"
    assert page.evaluate(f"{renew}.then((answer) => answer.status)") == 200

    # When they log out, and come back to an address of theirs, they get there after the login
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_title("Log in · wsq")
    page.goto(f"{url}library?store=default&search=a%26b")
    log_in(page)
    expect(page).to_have_url(f"{url}library?store=default&search=a%26b")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()

    # Then nothing was asked for anywhere else, and nobody complained
    strays = [each for each in asked if urlsplit(each).scheme == "https" and not each.startswith(url.rstrip("/"))]
    assert strays == []
    assert any(each.endswith("/team/board/ws") for each in asked)
    assert complaints == []
    assert "Traceback" not in log()


@pytest.mark.parametrize("proxied", [with_nginx], indirect=True)
def test_nginx_without_the_headers_of_the_upgrade_is_named(proxied, visited):
    url, _ = proxied
    page, _, _ = visited
    page.goto(url.replace("/team/", "/mute/"))
    log_in(page)

    expect(page.get_by_role("alert")).to_contain_text("must pass on the headers Upgrade and Connection")
