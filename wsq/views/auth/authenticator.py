"""Check passwords and sessions."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from wsq.api import Workspace
from wsq.clock import Clock
from wsq.errors import LoggedOut, NewerWorkspace, NotAllowed, SettingError, WsqError
from wsq.queries.log import Position
from wsq.rules.roles import EVERYWHERE, Memberships, provider_of
from wsq.views.auth import passwords, sessions
from wsq.views.auth.proxies import network_of
from wsq.views.auth.sessions import Device, Session, Signer, Ticket
from wsq.views.auth.throttle import Key, Limit, Throttle
from wsq.views.auth.turns import Busy, Lane, Turns
from wsq.views.auth.users import User, UsersFile, key
from wsq.views.live.permissions import MemberPermissions

log = logging.getLogger(__name__)

FREE_PER_NAME = 5
FREE_PER_ADDRESS = 20
FREE_PER_SITE = 50
"""Login attempts before throttling: for one name from one address; from one address, which a whole office may share;
for one name from one /48 of IPv6, in which a guesser may have 65,536 networks."""

MANY = 50
FREE_WHEN_MANY = 2
LONGEST_WAIT_WHEN_MANY = 600.0
"""From so many attempts for one name on, wherever they come from, each address has only two free ones and waits longer
after each further one. No other address can take these two away."""

CHECKERS = 2
"""Threads that check passwords; each check takes 32 MiB."""

WATCH_INTERVAL = 0.5
"""Seconds between two checks for logouts in other processes; a check takes microseconds."""

IS_OVER = "Your session has ended. Log in again; what you have typed here is kept."


class TooSoon(WsqError):
    """Too many attempts; `seconds` is the time until the next one."""

    def __init__(self, seconds: float) -> None:
        self.seconds = int(seconds) + 1
        super().__init__(f"Too many attempts. Try again in {self.seconds} s.")


class Provider(NamedTuple):
    """An OAuth provider; see `wsq.settings` for its parts."""

    name: str
    client: str
    secret: str
    redirect_uri: str | None
    params: Mapping[str, str]


class LoginAttempt(NamedTuple):
    """An attempt to log in, what it counts against, and where it waits."""

    name: str
    limits: list[Limit]
    lane: Lane
    is_known: bool


class Ended:
    """The sessions that were ended by logging out, in any process."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._ended: frozenset[str] = frozenset()
        self._last: Position | None = None
        self._changes = -1

    def has(self, session: Session) -> bool:
        """Whether the session was ended, as far as known; takes microseconds."""
        return _named(session) in self._ended

    def look(self) -> None:
        """Read the sessions ended since the last call. May wait for the database: not for an event loop."""
        changes = self._workspace.changes()
        if changes == self._changes:
            return
        last, news = self._workspace.ended_sessions(self._last)
        with self._lock:
            self._ended |= news  # what has ended stays so, even if the log was restored to before that
            self._changes, self._last = changes, last

    def end(self, session: Session) -> None:
        """End the session here at once, and everywhere after the write. Not for an event loop."""
        with self._lock:
            self._ended |= {_named(session)}
        self._workspace.end_session(_named(session), actor=session.name)


class Authenticator:
    """Logs users in and checks their sessions; one for all pages of a process."""

    def __init__(
        self,
        workspace: Workspace,
        users: UsersFile,
        secret: str,
        *,
        admin: User | None = None,
        provider: Provider | None = None,
    ) -> None:
        self.provider = provider
        self._users = users
        self._admin = admin
        self._clock: Clock = workspace.clock
        self._throttle = Throttle()
        self._turns = Turns(CHECKERS)
        self.signer = Signer(secret)
        self.ended = Ended(workspace)
        self.pool = ThreadPoolExecutor(CHECKERS, thread_name_prefix="wsq-auth")
        self._closed = threading.Event()

    def now(self) -> int:
        """Return the current time in seconds since 1970 (UTC)."""
        return int(self._clock.now().timestamp())

    def user(self, name: str) -> User | None:
        """Return the user of this name; None if there is none, or the users file cannot be read."""
        is_ours = provider_of(name) is None
        if is_ours and self._admin is not None and key(name) == key(self._admin.name):
            return self._admin
        try:
            return self._users.users().get(key(name))
        except SettingError as trouble:
            log.warning("Users cannot log in: %s", trouble, extra={"action": "auth.users"})
            return None

    def of_provider(self, name: str, email: str | None) -> User | None:
        """Return the user ``provider:subject``; see `UsersFile.claim`. May write: not for an event loop.

        Raises:
            SettingError: The users file cannot be read, or would have to be changed and cannot be.
        """
        return self._users.claim(name, email)

    def shown(self, actor: str) -> str:
        """Return what pages show for an actor: of a provider's user the e-mail address, if it is known."""
        user = self.user(actor) if provider_of(actor) else None
        return (user and user.email) or actor

    def has_users(self) -> bool:
        """Whether anybody can log in.

        Raises:
            SettingError: The users file cannot be read or is invalid.
        """
        return self._admin is not None or bool(self._users.users())

    def watch(self) -> None:
        """Watch for logouts in other processes, until `close`."""
        self.ended.look()
        threading.Thread(target=self._watch, name="wsq-auth-watch", daemon=True).start()

    def close(self) -> None:
        """Stop checking passwords and watching for logouts."""
        self._closed.set()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _watch(self) -> None:
        is_upgraded = False
        while not self._closed.wait(WATCH_INTERVAL):
            try:
                self.ended.look()
                is_upgraded = False
            except NewerWorkspace as trouble:  # the pages no longer work, but the upgrade may be reverted
                if not is_upgraded:
                    log.warning("Cannot read logouts of other processes: %s", trouble, extra={"action": "auth.ended"})
                is_upgraded = True
            except WsqError as trouble:
                log.warning("Cannot read logouts of other processes: %s", trouble, extra={"action": "auth.ended"})
            except Exception:
                # The thread must survive any error, or ended sessions would stay valid.
                log.exception("Cannot read logouts of other processes", extra={"action": "auth.ended"})

    # Logging in

    def new_session(self, user: User) -> Session:
        """Return a session for an authenticated user."""
        return sessions.new_session(user.name, self.signer.mark(user.proof), self.now())

    def begin_attempt(self, name: str, device: Device | None, address: str) -> LoginAttempt:
        """Count an attempt before its password is checked. For one event loop.

        Attempts are counted for each address by itself, and those from a browser in which the user has logged in before
        for that browser alone: nobody else can lock the user out.

        Raises:
            TooSoon: There were too many attempts.
        """
        if device is not None and self._is_known(name, device):
            known = Limit(("device", device.id), FREE_PER_NAME)
            return LoginAttempt(name, self._count([known]), ("user", key(name)), is_known=True)
        limits = self._count(self._limits(name, address))
        return LoginAttempt(name, limits, ("network", network_of(address, 48)), is_known=False)

    async def check(self, attempt: LoginAttempt, password: str, is_wanted: Callable[[], bool]) -> User | None:
        """Return the user if the password is right; None if not, after the same time. `is_wanted` is asked before.

        Raises:
            Busy: Too many wait to be checked. The attempt is not counted then.
        """
        try:
            async with self._turns.turn(attempt.lane, known=attempt.is_known, is_wanted=is_wanted):
                loop = asyncio.get_running_loop()
                user = await loop.run_in_executor(self.pool, self._checked, attempt.name, password)
        except Busy:
            self._throttle.take_back(attempt.limits)
            raise
        if user is not None:
            self.end_attempt(attempt)
        return user

    def end_attempt(self, attempt: LoginAttempt) -> None:
        """Uncount a successful attempt, and for this name all others of the address or the browser.

        The other counts are only reduced by one: otherwise users could guess other users' passwords without limit, by
        logging in themselves now and then.
        """
        self._throttle.take_back(attempt.limits)
        self._throttle.forgive([limit.key for limit in attempt.limits if limit.key[0] in ("device", "pair")])

    def count_provider(self, address: str) -> list[Limit]:
        """Count an answer of a provider, which is asked about it, and return the limits, for `succeeded`.

        Raises:
            TooSoon: There were too many from the address.
        """
        return self._count([Limit(("provider", network_of(address, 64)), FREE_PER_ADDRESS)])

    def succeeded(self, limits: list[Limit]) -> None:
        """Uncount an answer of a provider that has logged a user in."""
        self._throttle.take_back(limits)

    def _checked(self, name: str, password: str) -> User | None:
        """Return the user if the password is right. Takes a quarter of a second: not for an event loop."""
        user = self.user(name)
        right = passwords.matches(password, user.password if user is not None else None)
        return user if right else None

    def _count(self, limits: list[Limit]) -> list[Limit]:
        wait = self._throttle.take(limits, time.monotonic())
        if wait > 0:
            raise TooSoon(wait)
        return limits

    def _limits(self, name: str, address: str) -> list[Limit]:
        """Return the limits of an attempt from an unknown browser."""
        hidden = hashlib.sha256(key(name).encode("utf-8", "replace")).hexdigest()  # names may be long
        network, site = network_of(address, 64), network_of(address, 48)
        in_all: Key = ("name", hidden)
        pair = Limit(("pair", hidden, network), FREE_PER_NAME)
        if self._throttle.number(in_all, time.monotonic()) >= MANY:
            pair = Limit(pair.key, FREE_WHEN_MANY, LONGEST_WAIT_WHEN_MANY)
        limits = [pair, Limit(("address", network), FREE_PER_ADDRESS), Limit(in_all, None)]
        return limits if site == network else [*limits, Limit(("site", hidden, site), FREE_PER_SITE)]

    def known(self, user: User, device: Device | None) -> Device:
        """Return the device cookie of a browser in which a user has logged in; `device` is its earlier one."""
        if device is not None and self._is_known(user.name, device):
            return device
        return sessions.new_device(user.name, self.signer.mark(user.proof), self.now())

    def _is_known(self, name: str, device: Device) -> bool:
        """Whether the user has logged in from the device recently, with the current password."""
        user, age = self.user(name), self.now() - device.since
        is_theirs = user is not None and key(device.name) == key(name) and device.mark == self.signer.mark(user.proof)
        return is_theirs and -sessions.AHEAD <= age < sessions.DEVICE

    # Sessions

    def session_of(self, text: str | None) -> Session | None:
        """Return the session of a cookie, if it is valid."""
        session = self.signer.read(Session, text)
        return session if session is not None and self.is_valid(session) else None

    def is_valid(self, session: Session) -> bool:
        """Whether a session has neither expired nor been ended, and its account and password are unchanged."""
        if sessions.is_over(session, self.now()) or self.ended.has(session):
            return False
        user = self.user(session.name)
        return user is not None and self.signer.mark(user.proof) == session.mark

    def seen(self, session: Session) -> Session:
        """Return the session, with the current time as last activity."""
        return Session(name=session.name, id=session.id, since=session.since, seen=self.now(), mark=session.mark)

    def ticket(self, session: Session) -> str:
        """Return a ticket with which an open page continues with this session."""
        return self.signer.signed(Ticket(session=session, at=self.now()))

    def permissions(
        self, session: Session, store_id: str | None, address: str, kind: type[MemberPermissions] = MemberPermissions
    ) -> MemberPermissions:
        """Return the permissions of a session's user on the page of a store; None for the page of all stores."""
        visit = Visit(self, session, address)
        return kind(
            session.name,
            store_id,
            visit.memberships,
            renewed=visit.renew,
            refused=visit.note_refusal,
            shown=self.shown,
        )


class Visit:
    """The session of an open page; it may be replaced by a newer one of the same user."""

    def __init__(self, authenticator: Authenticator, session: Session, address: str) -> None:
        self._auth = authenticator
        self._session = session
        self._address = address

    def memberships(self) -> Memberships:
        """Return the user's current roles.

        Raises:
            LoggedOut: The session has ended.
        """
        user = self._auth.user(self._session.name)
        if user is None or not self._auth.is_valid(self._session):
            raise LoggedOut(IS_OVER)
        return user.stores

    def renew(self, text: str) -> None:
        """Continue with the session of a ticket.

        Raises:
            LoggedOut: The ticket is invalid, or its session has ended.
            NotAllowed: It belongs to another user.
        """
        auth = self._auth
        ticket = auth.signer.read(Ticket, text)
        if ticket is None or abs(auth.now() - ticket.at) > sessions.TICKET or not auth.is_valid(ticket.session):
            self.note_refusal("renew: the ticket is not valid")
            raise LoggedOut(IS_OVER)
        if key(ticket.session.name) != key(self._session.name):
            raise NotAllowed(
                f"You are now logged in as {auth.shown(ticket.session.name)}. Reload the page to continue."
            )
        self._session = ticket.session

    def note_refusal(self, what: str) -> None:
        """Log a refusal, with user and address."""
        log.warning(
            "Refused to %r from %s: %s", self._session.name, self._address, what, extra={"action": "auth.refused"}
        )


def first_admin(name: str, password: str, secret: str) -> User:
    """Return an admin from the settings, who may do everything; for servers without a place for a users file.

    The salt is derived from the secret, so that all instances with this secret accept the same sessions.

    Raises:
        InvalidInput: The password is too short, or easy to guess.
    """
    kept = passwords.hash_password(password, Signer(secret).key("admin")[:16], user=name)
    return User(name=name, stores={EVERYWHERE: "admin"}, since=datetime.fromtimestamp(0, UTC), password=kept)


def _named(session: Session) -> str:
    """Return the name under which a session is logged: a hash, since the id is part of the credentials."""
    return hashlib.sha256(session.id.encode()).hexdigest()
