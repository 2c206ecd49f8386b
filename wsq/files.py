"""Create files and folders with the right owner and permissions, whatever the umask.

What root creates gets the owner of the database that it belongs to, so that the service's own user can work on. Only
what this process has just created is changed, by its descriptor, and links beside a database are not followed: its
folder may belong to another user.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE = 0o600
"""Default permissions of a new database, backup or export."""

_PLAIN = 0o666
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_has_warned = False


class Files:
    """Creates the files of one workspace.

    Args:
        database: Its file, which may not exist yet; None if it is on a server: then everything belongs to the user
            of this process.
        mode: Permissions of a new database, backup or export.
    """

    def __init__(self, database: Path | None, mode: int = PRIVATE) -> None:
        self.mode = mode
        self._database = Path(os.path.realpath(database)) if database else None
        self._side = Path(f"{self._database}.wsq") if database else None

    def create(self, path: Path, mode: int | None = None) -> int:
        """Create a file that does not exist; returns its descriptor, open for reading and writing.

        Args:
            path: The file.
            mode: Its permissions; None: those of the database.

        Raises:
            OSError: It exists, or cannot be created.
        """
        file = self._open(path, _NEW)
        try:
            self._settle(file, path, mode)
        except BaseException:
            os.close(file)
            raise
        return file

    def open(self, path: Path, mode: int | None = None) -> int:
        """Open a file for reading and writing, but not through a link; it and its folder are created if missing."""
        while True:
            with suppress(FileNotFoundError):
                return self._open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            self.folder(path.parent, mode)
            with suppress(FileExistsError):
                return self.create(path, mode)

    def write(self, path: Path, content: bytes, mode: int | None = None) -> None:
        """Create a file with this content, in place of one that is there. Not atomic: rename it afterwards."""
        path.unlink(missing_ok=True)
        with os.fdopen(self.create(path, mode), "wb") as file:
            file.write(content)

    def folder(self, path: Path, mode: int | None = None, *, parents: bool = False) -> None:
        """Create a folder if it is missing; who may read a file of this `mode` may enter it."""
        if parents and not path.parent.exists():
            self.folder(path.parent, mode, parents=True)
        try:
            self.new_folder(path, mode)
        except FileExistsError:
            if not path.is_dir():
                raise

    def new_folder(self, path: Path, mode: int | None = None) -> None:
        """Create a folder that does not exist; else as `folder`."""
        with self._inside(path.parent) as parent, _naming(path):
            os.mkdir(path.name, stat.S_IRWXU, dir_fd=parent)
            made = os.open(path.name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
        try:
            if os.fstat(made).st_uid == os.geteuid():  # else another one has taken its place
                self._settle(made, path, mode)
        finally:
            os.close(made)

    def _open(self, path: Path, flags: int) -> int:
        with self._inside(path.parent) as parent, _naming(path):
            return os.open(path.name, flags, PRIVATE, dir_fd=parent)

    @contextmanager
    def _inside(self, folder: Path) -> Iterator[int]:
        """Give a descriptor of a folder; one beside the database must be no link."""
        beside = self._side is not None and folder.is_relative_to(self._side)
        opened = os.open(folder, _FOLDER | (os.O_NOFOLLOW if beside else 0))
        try:
            yield opened
        finally:
            os.close(opened)

    def _settle(self, file: int, path: Path, mode: int | None) -> None:
        database = _status(self._database)
        if mode is None:
            mode = self.mode if database is None else stat.S_IMODE(database.st_mode) & _PLAIN | PRIVATE
        settle(file, path, mode, database or _status(self._side))

    def owner(self) -> os.stat_result | None:
        """Return whose owner and group files get: the database's, or those of its folder if it is lost."""
        return _status(self._database) or _status(self._side)


def _status(path: Path | None) -> os.stat_result | None:
    if path is not None:
        with suppress(OSError):
            return path.stat()
    return None


def settle(file: int, path: Path, mode: int, owner: os.stat_result | None) -> None:
    """Set owner, group and permissions of a file or folder that this process has just created.

    Where the system refuses that, a warning is logged, once per process, and the work goes on.

    Args:
        file: Its descriptor.
        path: Its path, for the warning.
        mode: The permissions of a file; on a folder, who may read may also enter.
        owner: Whose owner and group it gets, None to keep its own. Only root can give it to another user.
    """
    found = os.fstat(file)
    if stat.S_ISDIR(found.st_mode):
        mode |= (mode & 0o444) >> 2 | found.st_mode & stat.S_ISGID
    refused = None
    if owner is not None and (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):
        is_root = os.geteuid() == 0
        try:
            os.fchown(file, owner.st_uid if is_root else -1, owner.st_gid)
        except OSError as error:
            refused = error if is_root else None  # others may not be members of the group
    if stat.S_IMODE(found.st_mode) != mode:
        try:
            os.fchmod(file, mode)
        except OSError as error:
            refused = error
    if refused is not None:
        _warn(
            f"The owner and permissions of {path} cannot be set here ({refused.strerror}); it stays as it was created."
        )


def _warn(sentence: str) -> None:
    global _has_warned  # noqa: PLW0603 - once per process
    if not _has_warned:
        import logging

        _has_warned = True
        logging.getLogger("wsq.files").warning("%s", sentence, extra={"action": "owner_not_set"})


def open_own(path: Path, flags: int) -> int:
    """Open a file in a private folder of this process, and nothing that somebody has put in the place of either.

    Raises:
        OSError: The file or the folder is a link, or the folder belongs to another user.
    """
    with _naming(path):
        folder = os.open(path.parent, _FOLDER | os.O_NOFOLLOW)
        try:
            if os.fstat(folder).st_uid != os.geteuid():
                raise PermissionError(errno.EPERM, "another folder has taken its place")
            return os.open(path.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have errors name the whole path."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


@contextmanager
def private_folder(path: Path) -> Iterator[Path]:
    """A new folder that only this user can enter, in place of a leftover; removed at the end, with its content."""
    import shutil

    shutil.rmtree(path, ignore_errors=True)
    Files(None).new_folder(path, PRIVATE)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def user_name(uid: int) -> str:
    """Return the name of a user, or the number if there is no name."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"user {uid}"
