"""Why the websocket of a page could not be opened: browsers do not say, so the page's script asks here."""

from __future__ import annotations

from bokeh.util.token import check_token_signature, get_token_payload
from tornado.web import RequestHandler

from wsq.clock import SystemClock

UNOPENED = "/unopened"
EXPIRED = "This page has expired. Reload it."


class Unopened(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Answers a page with the reason in a sentence, or with nothing if the server would let it open its websocket.

    It is a POST, because browsers then send the origin that they send with the websocket. Origin and session have been
    judged before.
    """

    def check_xsrf_cookie(self) -> None:
        """Skip the check: nothing is changed here."""

    def post(self) -> None:
        """Judge the page's token, which is the body, if there is one."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        if self.request.body and not self._is_valid(self.request.body):
            self.set_status(403)
            self.finish(EXPIRED)
        else:
            self.set_status(204)

    def _is_valid(self, token: bytes) -> bool:
        signed, key = self.application.sign_sessions, self.application.secret_key
        try:
            text = token.decode("ascii")
            is_alive = get_token_payload(text)["session_expiry"] > SystemClock().now().timestamp()
            return bool(is_alive and check_token_signature(text, signed=signed, secret_key=key))
        except Exception:  # noqa: BLE001 - a forged token may cause any error
            return False
