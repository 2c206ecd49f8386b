"""Handlers for logging in, logging out, and keeping a session alive."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import quote

from tornado.escape import xhtml_escape
from tornado.web import HTTPError, RequestHandler

from wsq.errors import WsqError
from wsq.views.auth import cookies, sessions
from wsq.views.auth.authenticator import Authenticator, TooSoon
from wsq.views.auth.guard import LOGIN, OAUTH, address_of, next_of, refused, visitor_of
from wsq.views.auth.plain import plain_page
from wsq.views.auth.redirects import relative
from wsq.views.auth.sessions import Device
from wsq.views.auth.turns import Busy
from wsq.views.auth.users import User

log = logging.getLogger(__name__)

LARGEST_BODY = 100_000
"""Maximum bytes of a form: it only holds a name and a password."""

WRONG = "Wrong name or password."
EXPIRED_FORM = "The form has expired, or cookies are disabled. Try again."

FORM = """\
<form method="post" action="{action}" class="login-form" style="display: grid; gap: 12px">
{xsrf}
<input type="hidden" name="next" value="{next}">
<label>Name<input class="field" name="name" value="{name}" autocomplete="username" maxlength="200" required
  autocapitalize="none" spellcheck="false" {focus_name}></label>
<label>Password<input class="field" name="password" type="password" autocomplete="current-password" maxlength="1000"
  required {focus_password}></label>
<button class="button primary" type="submit">Log in</button>
</form>
"""


def page(
    handler: RequestHandler, *, message: str = "", name: str = "", onward: str = "/board", provider: str | None = None
) -> str:
    """Return the login page; with a `provider` also a link to it."""
    at = handler.request.path
    oauth = f"{relative(at, OAUTH)}?next={xhtml_escape(quote(onward, safe=''))}"
    link = f'<a class="button" href="{oauth}">Log in with {{}}</a>'
    form = FORM.format(
        action=relative(at, LOGIN),
        xsrf=handler.xsrf_form_html(),
        next=xhtml_escape(onward),
        name=xhtml_escape(name[:200]),
        focus_name="" if name else "autofocus",
        focus_password="autofocus" if name else "",
    )
    said = f'<p class="said" role="alert">{xhtml_escape(message)}</p>\n' if message else ""
    return plain_page(
        handler.request, "Log in", said + form + (link.format(xhtml_escape(provider)) if provider else "")
    )


class AuthHandler:
    """Shared by all handlers: HTTP-only cookies, sent only over TLS if there is TLS, and never to other sites."""

    auth: Authenticator
    application: Any
    request: Any

    def initialize(self, auth: Authenticator, provider: str | None = None) -> None:
        """Receive Tornado's handler arguments."""
        self.auth = auth
        self.provider = provider

    def set_default_headers(self) -> None:
        """Disable caching."""
        self.set_header("Cache-Control", "no-store")  # type: ignore[attr-defined]  # of the handler class

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """Return a cookie's value."""
        found = cookies.cookie_of(name, self.application, self.request)
        return default if found is None else found

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **given: Any) -> None:
        """Set a cookie with secure flags; scripts can only read the one against forged forms."""
        safe = {
            "httponly": name != cookies.FORM,
            "samesite": "Lax",
            "secure": self.request.protocol == "https",
            "path": cookies.path_of(self.application, self.request),
        }
        super().set_cookie(  # type: ignore[misc]  # of the handler class
            cookies.name_on_wire(name, self.application, self.request), value, *args, **(given | safe)
        )

    def redirect(self, url: str, *args: Any, **given: Any) -> None:
        """Redirect to a page of ours by a relative reference, or to another site."""
        super().redirect(relative(self.request.path, url), *args, **given)  # type: ignore[misc]  # of the handler class

    def log_in(self, user: User) -> None:
        """Give the browser a session, and remember it as one of the user's devices."""
        auth = self.auth
        self.set_cookie(cookies.SESSION, auth.signer.signed(auth.new_session(user)), max_age=sessions.LONGEST)
        if user.password is not None:
            device = auth.known(user, self.device())
            self.set_cookie(cookies.DEVICE, auth.signer.signed(device), max_age=sessions.DEVICE)
        name = repr(user.name) + (f" ({user.email})" if user.email else "")
        log.info("%s logged in from %s", name, address_of(self.request), extra={"action": "auth.login"})

    def device(self) -> Device | None:
        """Return the browser's device cookie."""
        return self.auth.signer.read(Device, self.get_cookie(cookies.DEVICE))


class Login(AuthHandler, RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """The login form."""

    _is_gone = False

    def get(self) -> None:
        """Show the form; redirect users who are logged in."""
        onward = next_of(self.get_query_argument("next", None))
        if self.auth.session_of(self.get_cookie(cookies.SESSION)):
            self.redirect(onward, status=303)
            return
        self.finish(page(self, onward=onward, provider=self.provider))

    async def post(self) -> None:
        """Log in with name and password."""
        name = self.get_body_argument("name", "")[:200]
        password = self.get_body_argument("password", "", strip=False)
        onward = next_of(self.get_body_argument("next", None))
        try:
            attempt = self.auth.begin_attempt(name, self.device(), address_of(self.request))
            user = await self.auth.check(attempt, password, lambda: not self._is_gone)
        except TooSoon as wait:
            self.set_header("Retry-After", str(wait.seconds))
            self._refuse(429, str(wait), name, onward)
        except Busy as trouble:
            self._refuse(503, str(trouble), name, onward)
        else:
            if user is None:
                self._refuse(403, WRONG, name, onward)
            else:
                self.log_in(user)
                self.redirect(onward, status=303)

    def on_connection_close(self) -> None:
        """Have no password checked for a browser that has gone."""
        self._is_gone = True

    def _refuse(self, status: int, why: str, name: str, onward: str) -> None:
        refused(name, address_of(self.request), f"login: {why}")
        self.set_status(status)
        self.finish(page(self, message=why, name=name, onward=onward, provider=self.provider))

    def write_error(self, status_code: int, **given: Any) -> None:
        """Show the form again, with the error."""
        error = given.get("exc_info", (None, None, None))[1]
        is_forged = isinstance(error, HTTPError) and status_code == 403
        refused(None, address_of(self.request), f"login: {status_code}")
        message = EXPIRED_FORM if is_forged else "Invalid request. Try again."
        self.finish(page(self, message=message, provider=self.provider))


class Logout(AuthHandler, RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Ends a session, and all copies of it."""

    async def post(self) -> None:
        """End the session, and redirect to the login."""
        session = self.auth.session_of(self.get_cookie(cookies.SESSION))
        self.clear_cookie(cookies.SESSION)
        if session is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self.auth.ended.end, session)
            except WsqError as trouble:  # it has ended in this process, and the browser's cookie is deleted
                log.warning("The logout could not be recorded: %s", trouble, extra={"action": "auth.logout"})
            log.info("%r logged out, from %s", session.name, address_of(self.request), extra={"action": "auth.logout"})
        self.redirect(LOGIN, status=303)

    def get(self) -> None:
        """Redirect to the board: a link must not log anybody out."""
        self.redirect("/board", status=303)


class Renew(AuthHandler, RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Records activity in the session, and gives open pages a ticket for the renewed session."""

    def post(self) -> None:
        """Return ``{"ticket": …}``, for `messages.Renew`."""
        session = self.auth.seen(visitor_of(self.auth, self.request).session)
        left = session.since + sessions.LONGEST - session.seen
        self.set_cookie(cookies.SESSION, self.auth.signer.signed(session), max_age=max(1, left))
        self.write({"ticket": self.auth.ticket(session)})
