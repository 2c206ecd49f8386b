"""The users file: names, password hashes, and roles in stores.

It is separate from the workspace, so that a copy of a workspace contains no accounts. Each change replaces the file
atomically, under a lock.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from wsq.errors import InvalidInput, NotFound, SettingError, WsqError
from wsq.rules.roles import LONGEST_NAME, Role, user_name
from wsq.rules.values import nearest
from wsq.views.auth.passwords import is_hash


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A user. Without a `password` (its hash) they can only log in through a provider."""

    name: str
    stores: dict[str, Role]
    since: datetime
    password: str | None = None

    def __repr__(self) -> str:
        return f"User(name={self.name!r}, stores={self.stores!r})"

    @property
    def proof(self) -> str:
        """What sessions depend on: a new password, or a recreated account, ends earlier sessions."""
        return self.password or f"since {self.since.isoformat()}"


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: list[User]


Users = dict[str, User]
"""Users by case-insensitive name."""


def key(name: str) -> str:
    """Return a name for comparison."""
    return name.strip().casefold()


class UsersFile:
    """A users file, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
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
            InvalidInput: The name is taken.
        """

        def added(users: Users) -> None:
            if key(user.name) in users:
                raise InvalidInput(f"There is already a user {users[key(user.name)].name!r}.")
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
            known = self._known(users, name)
            users[known] = how(users[known])

        return self._change(changed)[key(name)]

    def _known(self, users: Users, name: str) -> str:
        if key(name) not in users:
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
            raise SettingError(f"{self.path} cannot be written: {problem.strerror or problem}.") from problem

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock during a change. It is a file of its own, since the users file is replaced."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, users: Users) -> None:
        book = _Book(sorted(users.values(), key=lambda user: key(user.name)))
        text = msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n"
        descriptor, made = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.")  # readable by its owner
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(made).replace(self.path)
        except BaseException:
            Path(made).unlink(missing_ok=True)
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


def _sound(user: User) -> User:
    user_name(user.name)
    if user.password is not None and not is_hash(user.password):
        raise InvalidInput(f"the password of {user.name[:LONGEST_NAME]!r} is not a hash.")
    return user
