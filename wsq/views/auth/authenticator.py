"""The door: whether whoever brings a session may come in, and as whom."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from wsq.api import Workspace
from wsq.clock import Clock
from wsq.errors import LoggedOut, NewerWorkspace, NotAllowed, SettingError, WsqError
from wsq.rules.roles import EVERYWHERE, Memberships
from wsq.views.auth import passwords, sessions
from wsq.views.auth.permissions import MemberGate
from wsq.views.auth.sessions import Device, Session, Signer, Ticket
from wsq.views.auth.throttle import Limit, Patience
from wsq.views.auth.users import User, UsersFile, key

log = logging.getLogger(__name__)

FREE_FOR_A_NAME = 5
FREE_FOR_AN_ADDRESS = 20
"""Tries before somebody waits: more for an address, behind which a whole office may be."""

WAITING = 20
"""Passwords that may wait to be checked; who comes on top is asked to come again."""

KEPT_FREE = 10
"""Further ones that may wait, when they come from browsers in which their users have come in before."""

GUESSERS = 2
"""Threads that check passwords, each of which takes 32 MiB."""

LOOK_AGAIN = 0.5
"""Seconds between two looks whether somebody has logged out in another process; a look costs µs."""

IS_OVER = "Your session has ended; log in again. What you have typed stays here meanwhile."


class Busy(WsqError):
    """Too many passwords wait to be checked."""


class TooSoon(WsqError):
    """A password may not be tried yet; `seconds` is how long it takes until then."""

    def __init__(self, seconds: float) -> None:
        self.seconds = int(seconds) + 1
        super().__init__(f"That was tried too often; try again in {self.seconds} s.")


class Provider(NamedTuple):
    """Somebody else who says who somebody is, by OAuth; see `wsq.settings` for what each of it is."""

    name: str
    client: str
    secret: str
    redirect_uri: str | None
    params: Mapping[str, str]


class Guess(NamedTuple):
    """A try of a password, and what it is counted under."""

    name: str
    counted: Sequence[Limit]


class Ended:
    """The sessions that were ended by logging out, in whichever process."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._ended: frozenset[str] = frozenset()
        self._seq = 0
        self._changes = -1

    def has(self, session: Session) -> bool:
        """Whether it was ended, as far as is known; costs µs."""
        return _named(session) in self._ended

    def look(self) -> None:
        """Read what was ended since the last look. Not for an event loop: it may wait for the database."""
        changes = self._workspace.changes()
        if changes == self._changes:
            return
        seq, news = self._workspace.ended_sessions(self._seq)
        with self._lock:
            self._ended |= news
            self._changes, self._seq = changes, seq

    def end(self, session: Session) -> None:
        """End it here at once, and everywhere as soon as it is written. Not for an event loop."""
        with self._lock:
            self._ended |= {_named(session)}
        self._workspace.end_session(_named(session), actor=session.name)


class Door:
    """Who may come in; one for all pages of a process."""

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
        self._patience = Patience()
        self._guessing = 0
        self.signer = Signer(secret)
        self.ended = Ended(workspace)
        self.pool = ThreadPoolExecutor(GUESSERS, thread_name_prefix="wsq-door")
        self._closed = threading.Event()

    def now(self) -> int:
        """Seconds since 1970 (UTC)."""
        return int(self._clock.now().timestamp())

    def user(self, name: str) -> User | None:
        """Who has the name; None for nobody, and for everybody in a file that cannot be read."""
        if self._admin is not None and key(name) == key(self._admin.name):
            return self._admin
        try:
            return self._users.users().get(key(name))
        except SettingError as trouble:
            log.warning("Nobody of the users file can be let in: %s", trouble, extra={"action": "door.users"})
            return None

    def anybody(self) -> bool:
        """Whether anybody could come in.

        Raises:
            SettingError: The users file cannot be read or understood.
        """
        return self._admin is not None or bool(self._users.users())

    def watch(self) -> None:
        """Know soon who logs out in another process, until the door is closed."""
        self.ended.look()
        threading.Thread(target=self._watch, name="wsq-door-watch", daemon=True).start()

    def close(self) -> None:
        """Check no more passwords, and watch no longer."""
        self._closed.set()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _watch(self) -> None:
        is_upgraded = False
        while not self._closed.wait(LOOK_AGAIN):
            try:
                self.ended.look()
                is_upgraded = False
            except NewerWorkspace as trouble:  # it shows nothing of it any more; somebody may go back, though
                if not is_upgraded:
                    log.warning("Who logs out elsewhere is not known: %s", trouble, extra={"action": "door.ended"})
                is_upgraded = True
            except WsqError as trouble:
                log.warning("Who has logged out could not be read: %s", trouble, extra={"action": "door.ended"})
            except Exception:
                # The thread must outlive whatever one look meets, or sessions that were ended would go on.
                log.exception("Who has logged out could not be read", extra={"action": "door.ended"})

    # Coming in

    def begun(self, user: User) -> Session:
        """A session for somebody who has shown who they are."""
        return sessions.begun(user.name, self.signer.mark(user.proof), self.now())

    def begin_guess(self, name: str, device: Device | None, address: str) -> Guess:
        """Count a try of a password, before it is known how it ends; `end_guess` ends it. For one thread alone.

        From a browser in which the user has come in before, tries are counted apart, so that nobody who guesses
        keeps them waiting.

        Raises:
            TooSoon: It was tried too often, from there or for this name.
            Busy: Too many are tried at this moment.
        """
        is_known = device is not None and self._is_known(name, device)
        if self._guessing >= WAITING + KEPT_FREE * is_known:
            raise Busy("Too many people log in at this moment; try again in a few seconds.")
        limits = _known_limits(device) if device is not None and is_known else _strange_limits(name, address)
        wait = self._patience.take(limits, time.monotonic())
        if wait > 0:
            raise TooSoon(wait)
        self._guessing += 1
        return Guess(name, limits)

    def check(self, guess: Guess, password: str) -> User | None:
        """Who it is, when the password is theirs. Takes a quarter of a second: not for an event loop."""
        user = self.user(guess.name)
        right = passwords.fits(password, user.password if user is not None else None)
        return user if right else None

    def end_guess(self, guess: Guess, user: User | None) -> None:
        """When it was right, what was counted for the name or the browser is forgotten.

        Of what was counted for the address only this try is: else who has an account could guess those of others
        for ever, with a login of their own now and then.
        """
        self._guessing -= 1
        if user is not None:
            self._patience.forgive([limit.key for limit in guess.counted if limit.key[0] != "address"])
            self._patience.take_back([limit for limit in guess.counted if limit.key[0] == "address"])

    def known(self, user: User, device: Device | None) -> Device:
        """What a browser shows from now on, in which a user has come in; with the `device` that it has shown before."""
        if device is not None and self._is_known(user.name, device):
            return device
        return sessions.met(user.name, self.signer.mark(user.proof), self.now())

    def _is_known(self, name: str, device: Device) -> bool:
        """Whether the user has come in from it, lately, and with the password that they have now."""
        user, age = self.user(name), self.now() - device.since
        is_theirs = user is not None and key(device.name) == key(name) and device.mark == self.signer.mark(user.proof)
        return is_theirs and -sessions.AHEAD <= age < sessions.DEVICE

    # Being in

    def admitted(self, text: str | None) -> Session | None:
        """The session that a browser brings, if it holds."""
        session = self.signer.read(Session, text)
        return session if session is not None and self.holds(session) else None

    def holds(self, session: Session) -> bool:
        """Whether a session's time is not over, it was not ended, and its account and password are what they were."""
        if sessions.is_over(session, self.now()) or self.ended.has(session):
            return False
        user = self.user(session.name)
        return user is not None and self.signer.mark(user.proof) == session.mark

    def seen(self, session: Session) -> Session:
        """The session of somebody who has just done something."""
        return Session(name=session.name, id=session.id, since=session.since, seen=self.now(), mark=session.mark)

    def ticket(self, session: Session) -> str:
        """What an open page shows to go on with this session."""
        return self.signer.signed(Ticket(session=session, at=self.now()))

    def gate(
        self, session: Session, store_id: str | None, address: str, kind: type[MemberGate] = MemberGate
    ) -> MemberGate:
        """What the page of a store, or of all with None, may show and do for whom a session is of."""
        visit = Visit(self, session, address)
        return kind(session.name, store_id, visit.memberships, renewed=visit.renew, refused=visit.note_refusal)


class Visit:
    """An open page's session, which may be followed by a newer one of the same user."""

    def __init__(self, door: Door, session: Session, address: str) -> None:
        self._door = door
        self._session = session
        self._address = address

    def memberships(self) -> Memberships:
        """The roles of who looks at the page, at this moment.

        Raises:
            LoggedOut: The session is over.
        """
        user = self._door.user(self._session.name)
        if user is None or not self._door.holds(self._session):
            raise LoggedOut(IS_OVER)
        return user.stores

    def renew(self, text: str) -> None:
        """Go on with the session of a ticket.

        Raises:
            LoggedOut: It is none, or one that is over.
            NotAllowed: It is another user's.
        """
        door = self._door
        ticket = door.signer.read(Ticket, text)
        if ticket is None or abs(door.now() - ticket.at) > sessions.TICKET or not door.holds(ticket.session):
            self.note_refusal("renew: the ticket does not hold")
            raise LoggedOut(IS_OVER)
        if key(ticket.session.name) != key(self._session.name):
            raise NotAllowed(f"You are logged in as {ticket.session.name} now; reload the page to go on.")
        self._session = ticket.session

    def note_refusal(self, what: str) -> None:
        """Log that something was refused: to whom, and from where."""
        log.warning(
            "Refused to %r from %s: %s", self._session.name, self._address, what, extra={"action": "door.refused"}
        )


def first_admin(name: str, password: str, secret: str) -> User:
    """A user that no file knows, who may do everything; for where there is no place for a file.

    The salt comes of the secret, so that a session of one instance is one for all that share it.
    """
    kept = passwords.hashed(password, Signer(secret).key("admin")[:16])
    return User(name=name, stores={EVERYWHERE: "admin"}, since=datetime.fromtimestamp(0, UTC), password=kept)


def _known_limits(device: Device) -> list[Limit]:
    return [Limit(("device", device.id), FREE_FOR_A_NAME)]


def _strange_limits(name: str, address: str) -> list[Limit]:
    hidden = hashlib.sha256(key(name).encode("utf-8", "replace")).hexdigest()  # names may be long
    return [Limit(("name", hidden), FREE_FOR_A_NAME), Limit(("address", _house_of(address)), FREE_FOR_AN_ADDRESS)]


def _house_of(address: str) -> str:
    """The addresses that one household has: of IPv6 a whole network, through which a guesser could go for ever."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    if known.ipv4_mapped is not None:  # as some proxies write it: their first halves are all the same
        return str(known.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(known) >> 64 << 64, 64)))


def _named(session: Session) -> str:
    """How a session is noted: its id would be half of what lets one in."""
    return hashlib.sha256(session.id.encode()).hexdigest()
