"""The users file: names, password hashes, and roles in stores.

It is separate from the workspace, so that a copy of a workspace contains no accounts. Each change replaces the file
atomically, under a lock.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import structs

from wsq.errors import InvalidInput, NotFound, SettingError, WsqError
from wsq.files import PRIVATE, Files, settle
from wsq.rules.roles import LONGEST_NAME, Role, provider_of, user_name
from wsq.rules.values import nearest
from wsq.views.auth.passwords import is_hash


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A user; `password` is its hash.

    Without one they can only log in through a provider: `name` is ``provider:subject``, and `email` the address that
    the provider has verified; or `name` is an e-mail address, for which the first login puts ``provider:subject``.
    """

    name: str
    stores: dict[str, Role]
    since: datetime
    password: str | None = None
    email: str | None = None

    def __repr__(self) -> str:
        return f"User(name={self.name!r}, stores={self.stores!r})"

    @property
    def proof(self) -> str:
        """What sessions depend on: a new password, or a recreated account, ends earlier sessions."""
        return self.password or f"since {self.since.isoformat()}"


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: list[User]


Users = dict[str, User]
"""Users by `key`."""


def key(name: str) -> str:
    """Return a name for comparison: case-insensitive, but a provider's user is compared exactly."""
    return name if provider_of(name) else name.strip().casefold()


def is_same_address(one: str, other: str) -> bool:
    """Whether two e-mail addresses are equal but for ASCII case; other letters are compared exactly.

    Case folding makes one letter of several that only look alike, such as the Kelvin sign and k.
    """
    return one == other or (one.isascii() and other.isascii() and one.lower() == other.lower())


class UsersFile:
    """A users file, which may not exist yet.

    `files` creates it: readable only by the owner of the database, who also runs the server.
    """

    def __init__(self, path: Path, files: Files | None = None) -> None:
        self.path = path
        self._files = files or Files(None)
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._users: Users = {}

    def users(self) -> Users:
        """Return the users, read again if the file has changed; none if there is no file.

        Raises:
            SettingError: The file cannot be read or is invalid; nobody may log in then.
        """
        with self._lock:
            try:
                about = self.path.stat()
                seen = (about.st_ino, about.st_size, about.st_mtime_ns)
                if seen != self._seen:
                    self._users, self._seen = self._read(), seen
            except (FileNotFoundError, NotADirectoryError):
                self._users, self._seen = {}, None
            except OSError as problem:
                raise SettingError(f"{self.path} cannot be read: {problem.strerror or problem}.") from problem
            return self._users

    def add(self, user: User) -> None:
        """Add a user.

        Raises:
            InvalidInput: The name is taken, or is the e-mail address of a provider's user.
        """

        def added(users: Users) -> None:
            if key(user.name) in users:
                raise InvalidInput(f"There is already a user {users[key(user.name)].name!r}.")
            for each in users.values():  # or adding somebody again would invite the next owner of the address
                if each.email and is_same_address(each.email, user.name):
                    raise InvalidInput(f"There is already a user {each.name!r} with the e-mail address {each.email}.")
            users[key(user.name)] = user

        self._change(added)

    def remove(self, name: str) -> User:
        """Remove and return a user, which ends their sessions.

        Raises:
            NotFound: There is no such user.
        """
        gone: list[User] = []
        self._change(lambda users: gone.append(users.pop(self._known(users, name))))
        return gone[0]

    def change(self, name: str, how: Callable[[User], User]) -> User:
        """Replace a user with `how(user)`, under the same name.

        Raises:
            NotFound: There is no such user.
        """

        def changed(users: Users) -> None:
            known.append(self._known(users, name))
            users[known[0]] = how(users[known[0]])

        known: list[str] = []
        return self._change(changed)[known[0]]

    def claim(self, name: str, email: str | None) -> User | None:
        """Return the user ``provider:subject`` who logs in, with `email` as their address if it is verified.

        If there is none, one without a password whose name is this address is named so for good. None if there is
        neither.

        Raises:
            SettingError: The file would have to be changed, and cannot be.
        """
        found = _claimed(self.users(), name, email)
        if found is None or found[1] == found[0]:
            return found[1] if found else None

        def claimed(users: Users) -> None:
            now = _claimed(users, name, email)
            if now is not None:
                del users[key(now[0].name)]
                users[key(name)] = now[1]

        try:
            return self._change(claimed).get(key(name))
        except SettingError:
            if found[0].name == name:  # only the address is new
                return found[0]
            raise

    def _known(self, users: Users, name: str) -> str:
        if key(name) not in users:
            named = [each for each, user in users.items() if user.email and is_same_address(user.email, name.strip())]
            if len(named) == 1:
                return named[0]
            near = nearest(name, [user.name for user in users.values()])
            raise NotFound(f"There is no user {name!r}{f'; the nearest is {near!r}' if near else ''}.")
        return key(name)

    def _change(self, how: Callable[[Users], None]) -> Users:
        try:
            with self._alone():
                users = dict(self._read() if self.path.exists() else {})
                how(users)
                self._replace(users)
                return users
        except OSError as problem:
            fault = problem.filename or self.path
            raise SettingError(f"{fault} cannot be written: {problem.strerror or problem}.") from problem

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock during a change. It is a file of its own, since the users file is replaced."""
        self._files.folder(self.path.parent, PRIVATE, parents=True)
        descriptor = self._files.open(self.path.with_name(f"{self.path.name}.lock"), PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, users: Users) -> None:
        book = _Book(sorted(users.values(), key=lambda user: key(user.name)))
        text = msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n"
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(self._files.create(fresh, PRIVATE), "wb") as file:
                if self.path.exists():
                    found = self.path.stat()
                    settle(file.fileno(), fresh, stat.S_IMODE(found.st_mode), found)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def _read(self) -> Users:
        try:
            book = msgspec.json.decode(self.path.read_bytes(), type=_Book)
            users = {key(user.name): user for user in map(_sound, book.users)}
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            # Without the parser's message, which may quote the content.
            raise SettingError(f"{self.path} is not a valid users file, as `wsq user add` writes it.") from problem
        except WsqError as problem:
            raise SettingError(f"{self.path} is invalid: {problem}") from problem
        if len(users) < len(book.users):
            raise SettingError(f"{self.path} is invalid: two users have the same name.")
        return users


def _claimed(users: Users, name: str, email: str | None) -> tuple[User, User] | None:
    """Return the user who logs in as ``provider:subject``, as they are and as they should be."""
    known = users.get(key(name))
    if known is not None:
        is_theirs = known.name == name and known.password is None
        return (known, structs.replace(known, email=email or known.email)) if is_theirs else None
    for user in users.values():
        if email and user.password is None and not provider_of(user.name) and is_same_address(user.name, email):
            return user, structs.replace(user, name=name, email=email)
    return None


def _sound(user: User) -> User:
    user_name(user.name)
    if user.password is not None and not is_hash(user.password):
        raise InvalidInput(f"the password of {user.name[:LONGEST_NAME]!r} is not a hash.")
    return user
