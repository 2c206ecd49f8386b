"""The pages of the door: logging in, logging out, and showing that one is still there."""

from __future__ import annotations

import asyncio
import logging
from importlib.resources import files
from typing import Any

from tornado.escape import xhtml_escape
from tornado.web import HTTPError, RequestHandler

from wsq.errors import WsqError
from wsq.views.auth import sessions
from wsq.views.auth.authenticator import Busy, Door, TooSoon
from wsq.views.auth.guard import COOKIE, LOGIN, OAUTH, address_of, cookie_of, is_https, next_of, refused, visitor_of
from wsq.views.auth.sessions import Device
from wsq.views.auth.users import User

log = logging.getLogger(__name__)

DEVICE = "wsq-known"
LARGEST_BODY = 100_000
"""Bytes of what is sent to a form: there are only names and passwords to be sent."""

WRONG = "The name or the password is not right."
EXPIRED_FORM = "The form was open for too long, or cookies are switched off; try again."

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Log in · wsq</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>{css}</style>
</head>
<body class="wsq">
<script>
  let chosen = null;
  try {{ chosen = localStorage.getItem("wsq-theme"); }} catch {{ /* the system's choice stands */ }}
  const system = matchMedia("(prefers-color-scheme: dark)");
  const wear = () => {{
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.theme = document.body.dataset.theme = dark ? "dark" : "light";
  }};
  wear();
  system.addEventListener("change", wear);
</script>
<main>
<p class="brand">wsq</p>
<section class="login">
<h1>Log in</h1>
{said}{form}{provider}
</section>
</main>
</body>
</html>
"""

FORM = """\
<form method="post" action="login" class="login-form" style="display: grid; gap: 12px">
{xsrf}
<input type="hidden" name="next" value="{next}">
<label>Name<input class="field" name="name" value="{name}" autocomplete="username" maxlength="200" required
  autocapitalize="none" spellcheck="false" {focus_name}></label>
<label>Password<input class="field" name="password" type="password" autocomplete="current-password" maxlength="1000"
  required {focus_password}></label>
<button class="button primary" type="submit">Log in</button>
</form>
"""


def css() -> str:
    """The styles of the page: those that every page shares, and its own."""
    return "\n".join(
        files("wsq.views").joinpath(each).read_text("utf-8") for each in ("page/theme.css", "auth/login.css")
    )


def page(
    handler: RequestHandler, *, said: str = "", name: str = "", onward: str = "/board", provider: str | None = None
) -> str:
    """The login page; with a `provider` also the way to it."""
    link = f'<a class="button" href="{OAUTH.strip("/")}?next={xhtml_escape(_quoted(onward))}">Log in with {{}}</a>'
    return PAGE.format(
        css=css(),
        said=f'<p class="said" role="alert">{xhtml_escape(said)}</p>\n' if said else "",
        form=FORM.format(
            xsrf=handler.xsrf_form_html(),
            next=xhtml_escape(onward),
            name=xhtml_escape(name[:200]),
            focus_name="" if name else "autofocus",
            focus_password="autofocus" if name else "",
        ),
        provider=link.format(xhtml_escape(provider)) if provider else "",
    )


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="")


class AtTheDoor:
    """What handlers share: cookies that only we read, over TLS alone where there is TLS, and never for other sites."""

    door: Door
    request: Any

    def initialize(self, door: Door, provider: str | None = None) -> None:
        """Tornado's way to hand something over."""
        self.door = door
        self.provider = provider

    def set_default_headers(self) -> None:
        """Nothing of the door is to be kept by a browser."""
        self.set_header("Cache-Control", "no-store")  # type: ignore[attr-defined]  # of the handler it is mixed into

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **given: Any) -> None:
        """A cookie with the flags that keep it in the house; one against forged forms is read by our script."""
        safe = {"httponly": name != "_xsrf", "samesite": "Lax", "secure": is_https(self.request), "path": "/"}
        super().set_cookie(name, value, *args, **(given | safe))  # type: ignore[misc]

    def let_in(self, user: User) -> None:
        """Give the browser a session, and note that the user has come in from it."""
        door = self.door
        self._give(COOKIE, door.signer.signed(door.begun(user)), sessions.LONGEST)
        self._give(DEVICE, door.signer.signed(door.known(user, self.device())), sessions.DEVICE)
        log.info("%r came in from %s", user.name, address_of(self.request), extra={"action": "door.login"})

    def device(self) -> Device | None:
        """What is known of the browser."""
        return self.door.signer.read(Device, cookie_of(self.request, DEVICE))

    def _give(self, name: str, value: str, seconds: int) -> None:
        self.set_cookie(name, value, max_age=seconds)


class Login(AtTheDoor, RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """The form, and what is sent with it."""

    def get(self) -> None:
        """Show the form; who is in already goes on."""
        onward = next_of(self.get_query_argument("next", None))
        if self.door.admitted(cookie_of(self.request, COOKIE)):
            self.redirect(onward, status=303)
            return
        self.finish(page(self, onward=onward, provider=self.provider))

    async def post(self) -> None:
        """Let somebody in whose password is right."""
        name = self.get_body_argument("name", "")[:200]
        password = self.get_body_argument("password", "", strip=False)
        onward = next_of(self.get_body_argument("next", None))
        try:
            user = await self._guess(name, password)
        except TooSoon as wait:
            self.set_header("Retry-After", str(wait.seconds))
            self._refuse(429, str(wait), name, onward)
        except Busy as trouble:
            self._refuse(503, str(trouble), name, onward)
        else:
            if user is None:
                self._refuse(403, WRONG, name, onward)
            else:
                self.let_in(user)
                self.redirect(onward, status=303)

    async def _guess(self, name: str, password: str) -> User | None:
        guess = self.door.begin_guess(name, self.device(), address_of(self.request))
        user = None
        try:
            loop = asyncio.get_running_loop()
            user = await loop.run_in_executor(self.door.pool, self.door.check, guess, password)
        finally:
            self.door.end_guess(guess, user)
        return user

    def _refuse(self, status: int, why: str, name: str, onward: str) -> None:
        refused(name, address_of(self.request), f"login: {why}")
        self.set_status(status)
        self.finish(page(self, said=why, name=name, onward=onward, provider=self.provider))

    def write_error(self, status_code: int, **given: Any) -> None:
        """Show the form again, with what was wrong."""
        error = given.get("exc_info", (None, None, None))[1]
        is_forged = isinstance(error, HTTPError) and status_code == 403
        refused(None, address_of(self.request), f"login: {status_code}")
        said = EXPIRED_FORM if is_forged else "This could not be understood; try again."
        self.finish(page(self, said=said, provider=self.provider))


class Logout(AtTheDoor, RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Ends a session, wherever a copy of it may be."""

    async def post(self) -> None:
        """End it, and lead to the login."""
        session = self.door.admitted(cookie_of(self.request, COOKIE))
        self.clear_cookie(COOKIE)
        if session is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self.door.ended.end, session)
            except WsqError as trouble:  # here it has ended, and the browser has forgotten it
                log.warning("It could not be noted who logged out: %s", trouble, extra={"action": "door.logout"})
            log.info("%r went, from %s", session.name, address_of(self.request), extra={"action": "door.logout"})
        self.redirect(LOGIN, status=303)

    def get(self) -> None:
        """A link cannot log anybody out; it leads to the pages."""
        self.redirect("/board", status=303)


class Renew(AtTheDoor, RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Somebody is there: their session is told that, and their open pages get a ticket to go on with it."""

    def post(self) -> None:
        """``{"ticket": …}``, for `messages.Renew`."""
        session = self.door.seen(visitor_of(self.door, self.request).session)
        left = session.since + sessions.LONGEST - session.seen
        self._give(COOKIE, self.door.signer.signed(session), max(1, left))
        self.write({"ticket": self.door.ticket(session)})
