"""A workspace with a login, served by another process, and those who come to it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

import wsq
from tests.auth.issuer import Issuer, serving
from wsq.agent.providers import OfflineProvider
from wsq.views.auth import sessions
from wsq.views.auth.sessions import Session, Signer
from wsq.views.auth.users import User, UsersFile

SECRET = "marked-cookie-secret-0123456789-0123456789"
CLIENT_SECRET = "marked-client-secret"
ADMINS = "marked-admin-password"

MARKED = {
    "WSQ_ADMIN_PASSWORD": ADMINS,
    "WSQ_COOKIE_SECRET": SECRET,
    "WSQ_OAUTH_SECRET": CLIENT_SECRET,
    "WSQ_ALERT_URL": "http://127.0.0.1:9/marked-alert-path",
    "ANTHROPIC_API_KEY": "marked-api-key",
    "ANTHROPIC_BASE_URL": "http://somebody:marked-url-password@127.0.0.1:9",
}
"""Settings that are secret as a whole or in part: what begins with "marked" is to be found nowhere."""

PASSWORD = "correct horse battery"
SALT = b"salt of the tests"
KEPT = "scrypt$1024$8$1${}${}".format(
    *(
        base64.urlsafe_b64encode(each).rstrip(b"=").decode()
        for each in (SALT, hashlib.scrypt(PASSWORD.encode(), salt=SALT, n=1024, r=8, p=1, dklen=32))
    )
)
"""Its hash, a hundred times cheaper to check than those that are made."""
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

USERS = {
    "ada": {"*": "admin"},
    "eve": {"acme": "editor"},
    "vic": {"acme": "viewer"},
    "bob": {"globex": "admin"},
    "ned": {"glob": "admin"},
    "Max@example.com": {"globex": "viewer"},  # with a password, so that no provider's user is it
}
"""Who may come in, all by the same password."""


class House:
    """The pages as they are served, and what their process has logged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        line = process.stdout.readline()
        assert line.startswith("wsq is up at "), line
        self.url = line.split()[4].rstrip(",")
        self.host = self.url.removeprefix("http://")
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def _listen(self, stream) -> None:
        self.said.extend(stream)

    def log(self) -> str:
        """All that was said so far."""
        return "".join(self.said)

    def logged(self, text: str, within: float = 30.0) -> bool:
        """Whether something was said, or is soon."""
        deadline = time.monotonic() + within
        while text not in self.log():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def ask(self, method: str, path: str, *, session: str | None = None, cookies=(), body=None, text=None, **headers):
        """One request, as somebody with a session's cookie sends it: status, headers, text."""
        pairs = [*([f"wsq-session={session}"] if session else []), *cookies]
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if pairs:
            given["Cookie"] = "; ".join(pairs)
        if body is not None:
            given["Content-Type"] = "application/x-www-form-urlencoded"
        link = http.client.HTTPConnection(self.host, timeout=60)
        try:
            link.request(method, path, urlencode(body) if body is not None else text and text.encode(), given)
            answer = link.getresponse()
            return Answer(answer.status, answer.msg, answer.read().decode("utf-8", "replace"))
        finally:
            link.close()

    def post(self, path: str, body: dict[str, str], *, session: str | None = None, cookies=(), **headers):
        """Send a form that the house itself has made."""
        token = self.form_token()
        name = "__Host-_xsrf" if headers.get("X_Forwarded_Proto") == "https" else "_xsrf"
        given = {"cookies": [f"{name}={token}", *cookies], "body": {"_xsrf": token, **body}}
        return self.ask("POST", path, session=session, **given, **headers)

    def form_token(self) -> str:
        """What the house puts into its forms and beside them."""
        return re.search(r"_xsrf=([^;]+)", self.ask("GET", "/login").headers["Set-Cookie"])[1]

    def log_in(self, name: str, password: str = PASSWORD, **headers):
        """Send the form of the login."""
        return self.post("/login", {"name": name, "password": password}, **headers)


class Answer:
    """What came back."""

    def __init__(self, status, headers, text) -> None:
        self.status, self.headers, self.text = status, headers, text

    def cookie(self, name: str) -> str:
        """A cookie that it sets, with its flags."""
        return next(each for each in self.headers.get_all("Set-Cookie") if each.startswith(f"{name}="))


def session_of(name: str, *, ago: timedelta = timedelta(), since: timedelta | None = None, proof: str = KEPT) -> str:
    """The session of somebody who came in and was last seen so long ago."""
    now = datetime.now(UTC).timestamp()
    signer = Signer(SECRET)
    return signer.signed(
        Session(
            name=name,
            id=f"of-{name}-{ago}-{since}",
            since=int(now - (since or ago).total_seconds()),
            seen=int(now - ago.total_seconds()),
            mark=signer.mark(proof),
        )
    )


def expired(name: str) -> str:
    """A session of somebody who has done nothing for too long."""
    return session_of(name, ago=timedelta(seconds=sessions.IDLE + 60))


@pytest.fixture(scope="package")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("door")


@pytest.fixture(scope="package")
def users(place) -> UsersFile:
    file = UsersFile(place / "users.json")
    for name, stores in USERS.items():
        file.add(User(name=name, stores=stores, since=BEGAN, password=KEPT))
    return file


@pytest.fixture(scope="package")
def team(place):
    """The workspace as another process has it open, here the test's own."""
    with wsq.open(place / "team.duckdb", provider=OfflineProvider(), actor="outside") as opened:
        for store in ("acme", "globex"):
            opened.store(store).create_task(f"A secret of {store}")
            opened.store(store).create_recurring_task(f"Tick of {store}", "List the tasks", every="1 day")
        yield opened


@pytest.fixture(scope="package")
def provider():
    """An OpenID provider."""
    with serving(Issuer()) as issuer:
        yield issuer


HOSTILE = {
    "AAD_TENANT_ID": "common",
    "PANEL_OAUTH_PROVIDER": "github",
    "PANEL_OAUTH_KEY": "another",
    "PANEL_OAUTH_SECRET": "another",
    "PANEL_OAUTH_OPTIONAL": "true",
    "PANEL_OAUTH_GUEST_ENDPOINTS": "['/board', '/admin']",
    "PANEL_OAUTH_SCOPE": "openid,offline_access",
    "PANEL_OAUTH_EXTRA_PARAMS": "{'scope': 'offline_access'}",
    "PANEL_OAUTH_REDIRECT_URI": "https://evil.example/login/oauth",
    "PANEL_OAUTH_AUTHORIZE_URL": "https://evil.example/authorize",
    "PANEL_OAUTH_TOKEN_URL": "https://evil.example/token",
    "PANEL_OAUTH_USER_URL": "https://evil.example/user",
    "PANEL_OAUTH_JWT_USER": "nickname",
    "PANEL_USER_KEY": "nickname",
    "PANEL_BASIC_AUTH": "another",
    "PANEL_COOKIE_SECRET": "known to everybody",
    "PANEL_COOKIE_PATH": "/nowhere",
    "PANEL_ADMIN_ENDPOINT": "/login",
    "BOKEH_ALLOW_WS_ORIGIN": "evil.example",
    "BOKEH_AUTH_MODULE": "/nowhere/auth.py",
    "BOKEH_COOKIE_SECRET": "known to everybody",
    "BOKEH_SECRET_KEY": "known to everybody",
    "BOKEH_SIGN_SESSIONS": "no",
    "BOKEH_XSRF_COOKIES": "no",
    "BOKEH_RESOURCES": "cdn",
    "BOKEH_DEV": "yes",
}
"""What Panel and Bokeh would read by themselves: all tests of this folder must pass with it."""


def login_environment(team, users, **settings):
    """What `wsq serve` reads from the environment, with all ways to come in."""
    return {
        **os.environ,
        **HOSTILE,
        **MARKED,
        "HOME": str(users.path.parent),  # with settings of Bokeh
        "WSQ_DATABASE": team.place,
        "WSQ_TIMEZONE": "UTC",
        "WSQ_USERS": str(users.path),
        "WSQ_ADMIN": "root",
        "WSQ_ORIGIN": "wsq.example.com",
        "WSQ_OAUTH_PROVIDER": "generic",
        "WSQ_OAUTH_KEY": "wsq",
        **settings,
    }


@contextlib.contextmanager
def served(environment, place, *before):
    """`wsq serve` on every interface, as behind a proxy; `before` is the command that starts it."""
    flags = ("--address", "0.0.0.0", "--port", "0", "--no-scheduler")
    command = (*before, sys.executable, "-m", "wsq.cli.main", "serve", *flags)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=place, **pipes) as process:
        try:
            yield House(process)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


@pytest.fixture(scope="package")
def house(team, users, place, provider):
    """The pages with a login; the same process for all tests."""
    settings_of_bokeh = place / ".bokeh" / "bokeh.yaml"
    settings_of_bokeh.parent.mkdir()
    settings_of_bokeh.write_text("allowed_ws_origin: [evil.example]\nsign_sessions: false\n")
    params = f"ISSUER={provider.url},prompt=login"
    with served(login_environment(team, users, WSQ_OAUTH_PARAMS=params), place) as opened:
        yield opened
