"""Private folders for unfinished files, which are found and removed after their process was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_UNFINISHED = (".wsq-", ".part")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OwnFolder:
    """A new folder that only this user can enter. Its process locks it during its lifetime.

    Args:
        parent: Where it is created.
        prefix: The beginning of its name.
        suffix: The end of its name.
    """

    def __init__(self, parent: Path, prefix: str, suffix: str = "") -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(suffix, prefix, parent))
            with suppress(FileNotFoundError):  # another process removed it before it was locked
                self._held = os.open(self.path, _FOLDER)
                os.fchmod(self._held, 0o700)  # whatever the umask took away
                with suppress(OSError):  # a file system without locks, where none is removed either
                    fcntl.flock(self._held, fcntl.LOCK_EX)
                if self.path.exists():
                    return
                os.close(self._held)

    def remove(self) -> None:
        """Remove it, with its content."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._held)


def remove_abandoned(parent: Path, prefix: str, suffix: str = "") -> None:
    """Remove the folders of this user whose processes were killed: they hold data that people may want forgotten."""
    for folder in parent.glob(f"{prefix}*{suffix}"):
        with suppress(OSError):  # another user's, in use, already gone, or no folder
            held = os.open(folder, _FOLDER)
            try:
                if os.fstat(held).st_uid == os.geteuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


@contextmanager
def unfinished(parent: Path) -> Iterator[Path]:
    """Give a folder for files that are to be moved to `parent`; what is left in it at the end is removed.

    So is what killed processes have left in such folders there.
    """
    remove_abandoned(parent, *_UNFINISHED)
    folder = OwnFolder(parent, *_UNFINISHED)
    try:
        yield folder.path
    finally:
        folder.remove()
