"""The commands in processes of their own, warm or as people start them.

A warm one is forked from a process that has imported the commands and done nothing else: what starting Python and
importing takes, which is most of what a short command costs, is saved. All else that a process has is its own: its id,
its working directory, its environment, its standard streams, and how it ends.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tests.store import crew

SCRIPTS = Path(sysconfig.get_path("scripts"))
PROGRAMS = {"wsq": "wsq.cli.main", "wsq-process": "wsq.cli.process"}
LASTS = 120
"""Seconds in which a command must have ended."""


Environment = dict[str, str] | None
Work = Callable[[], int | None]


class Said(NamedTuple):
    """What a command ended with, and what it said; minus a signal's number where that ended it."""

    status: int
    out: str
    err: str


def run(program: str, *arguments: str | bytes | Path, cwd: Path | None = None, env: Environment = None) -> Said:
    """Run `wsq` or `wsq-process` to its end."""
    return forked(main_of(program, *arguments), cwd=cwd, env=env)


def main_of(program: str, *arguments: str | bytes | Path) -> Work:
    """What `wsq` or `wsq-process` does with these arguments."""
    return partial(_command, program, [os.fsdecode(argument) for argument in arguments])


def run_cold(program: str, *arguments: str | bytes | Path, wrapper: Sequence[str] = (), **given: Any) -> Said:
    """Run the installed script to its end, with whatever a shell may give it; a wrapper is what starts it."""
    settings = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": LASTS, **given}
    done = subprocess.run([*wrapper, SCRIPTS / program, *map(os.fspath, arguments)], check=False, **settings)
    return Said(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())


def as_user(uid: int, umask: int, work: Work) -> Work:
    """The same by another user, which only root can do, and with this umask."""
    return partial(_as_user, uid, umask, work)


def forked(work: Work, *, cwd: Path | None = None, env: Environment = None, lasts: float = LASTS) -> Said:
    """Call `work` in a warm process of its own, and wait for its end."""
    return Forked(work, cwd=cwd, env=env).ended(lasts)


class Forked:
    """A warm process that does `work`, which can be pickled; what that returns is the status that it exits with."""

    def __init__(self, work: Work, *, cwd: Path | None = None, env: Environment = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="wsq-said-"))
        self._work, self._out, self._err = work, self._folder / "out", self._folder / "err"
        given = dict(os.environ if env is None else env)
        self._process = crew.start(_alone, work, cwd or Path.cwd(), given, self._out, self._err)
        assert self._process.pid is not None
        self.pid = self._process.pid

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def said(self) -> str:
        """What it has said on standard output until now."""
        return self._out.read_text() if self._out.exists() else ""

    def complained(self) -> str:
        """What it has said on standard error until now."""
        return self._err.read_text() if self._err.exists() else ""

    def ended(self, within: float = LASTS) -> Said:
        """Wait for its end, which must come within so many seconds."""
        self._process.join(within)
        said = Said(self._process.exitcode, self.said(), self.complained())
        self.kill()
        assert said.status is not None, f"{self._work} has not ended; it said {said}"
        return said

    def kill(self) -> None:
        """End it as the power would, if it has not ended."""
        if self._folder.exists():
            crew.kill(self._process)
            shutil.rmtree(self._folder)


def side_by_side(*runs: Callable[[], Said]) -> list[Said]:
    """Run commands that have nothing to do with each other at the same time; what they said, in their order."""
    with ThreadPoolExecutor(len(runs)) as threads:
        return [each.result() for each in [threads.submit(run) for run in runs]]


def _command(program: str, words: Sequence[str]) -> int:
    sys.argv = [program, *words]
    main: Callable[[], int] = import_module(PROGRAMS[program]).main
    return main()


def _as_user(uid: int, umask: int, work: Work) -> int | None:
    if uid != os.geteuid():
        crew.let_others_in(Path(sys.base_prefix), Path(sys.prefix), *map(Path, sys.path))
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    os.umask(umask)
    return work()


def _alone(work: Work, cwd: Path, env: dict[str, str], out: Path, err: Path) -> None:
    """Be a process as a shell starts one, and end as Python ends."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        opened = os.open(path, flags | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, encoding="utf-8") for n, mode in enumerate("rww"))
    try:
        sys.exit(work())
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()


for _name in (*PROGRAMS.values(), "wsq.api", "wsq.cli.parser", "wsq.runner.rounds", "platformdirs", "tzlocal"):
    import_module(_name)
