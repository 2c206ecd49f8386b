"""The files of a workspace: whose they are, who else may use them, and which one is at fault when they cannot be used.

Root's commands work beside those of a service with a user of its own. Where the tests do not run as root, the service
is the same user, and what it cannot use are files that it has no permission for.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

import wsq
from tests.commands import SCRIPTS, Said, Work, as_user, forked, main_of
from tests.faults.commands import assert_a_sentence, process, refused
from tests.store import crew
from wsq.files import Files

IS_ROOT = os.geteuid() == 0
SERVICE = 65534 if IS_ROOT else os.geteuid()
PROMPT = "Create a task called 'Ping'"
LATER = "2030-01-01T00:00:00Z"


class Service:
    """A folder of the service's own; commands run in it by the service, or by root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "team.duckdb"
        self.environment = {
            "PATH": os.environ["PATH"],
            "WSQ_DATABASE": str(self.path),
            "WSQ_TIMEZONE": "UTC",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "data"),
        }

    def __call__(self, program: str, *words: str | Path, umask: int = 0o022, **environment: str) -> Said:
        """Run a command as the service."""
        return self.run(SERVICE, umask, main_of(program, *words), **environment)

    def root(self, program: str, *words: str | Path, umask: int = 0o022, **environment: str) -> Said:
        """Run a command as root, or as whoever runs the tests."""
        return self.run(os.geteuid(), umask, main_of(program, *words), **environment)

    def run(self, uid: int, umask: int, work: Work, **environment: str) -> Said:
        """Do this in a process of that user."""
        return forked(as_user(uid, umask, work), cwd=self.folder, env=self.environment | environment)

    def files(self) -> dict[Path, os.stat_result]:
        """All that is in the folder."""
        return {path: path.lstat() for path in self.folder.rglob("*")}

    def owners(self) -> set[int]:
        """Whose they are."""
        return {found.st_uid for found in self.files().values()}

    def lock_away(self, path: Path) -> None:
        """Have a file or folder that the service can no longer use: another user's, or without permissions."""
        path.chmod(0o600 if IS_ROOT else 0)
        if IS_ROOT:
            os.chown(path, 0, 0)

    def give_back(self, path: Path) -> None:
        path.chmod(0o700)
        os.chown(path, SERVICE, -1)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """The folder that `service` has a copy of; pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="wsq-service-"))
    os.chown(folder, SERVICE, SERVICE if IS_ROOT else -1)
    assert Service(folder)("wsq", "add", "Tick", "--prompt", PROMPT, "--every", "1 day").status == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def service(made: Path) -> Iterator[Service]:
    """A service with a workspace, in which one task is due tomorrow."""
    folder = made.with_name(f"{made.name}-copy")
    shutil.copytree(made, folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, SERVICE, SERVICE if IS_ROOT else -1)
    yield Service(folder)
    shutil.rmtree(folder)


def modes(files: dict[Path, os.stat_result]) -> dict[str, str]:
    """The modes of files and folders, by their names."""
    return {path.name: f"{stat.S_IMODE(found.st_mode):o}" for path, found in files.items()}


# Owners

BY_ROOT: list[tuple[str, ...]] = [
    ("wsq", "disable", "Tick"),
    ("wsq", "enable", "Tick"),
    ("wsq", "run", "Tick"),
    ("wsq", "list"),
    ("wsq", "sql", "SELECT 1"),
    ("wsq", "rebuild"),
    ("wsq", "doctor", "--repair"),
    ("wsq", "backup", "backups/nightly/team.duckdb"),
    ("wsq", "export", "exports/team.gz"),
    ("wsq", "user", "add", "ada@example.com", "--no-password"),
    ("wsq", "init", "--database", "team.duckdb"),
    ("wsq-process", "--now", LATER),
]


def test_what_roots_commands_leave_belongs_to_the_owner_of_the_database(service):
    # Given that neither a log nor the folder beside the database is there, so that root creates them
    checkpoint(service.path)
    shutil.rmtree(f"{service.path}.wsq")

    for words in BY_ROOT:
        said = service.root(*words, umask=0o077)
        assert said.status == 0 or words[1] == "doctor", said

    # Then all is the service's and nobody else's, and the service goes on
    assert Path(f"{service.path}.wal").exists()
    assert service.owners() == {SERVICE}
    assert set(modes(service.files()).values()) == {"600", "700"}
    assert service("wsq-process", "--now", LATER.replace("2030", "2031")).status == 0
    assert service("wsq", "disable", "Tick").status == 0
    assert service("wsq", "user", "remove", "ada@example.com").status == 0


def checkpoint(path: Path) -> None:
    """Leave no write-ahead log, as a long write does."""
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute("CHECKPOINT")
    assert not Path(f"{path}.wal").exists()


def test_what_root_restores_belongs_to_the_service_also_where_the_database_is_lost(service):
    assert service("wsq", "backup", "backup.duckdb").status == 0
    for lose in (lambda: None, service.path.unlink):
        lose()
        assert service.root("wsq", "restore", "backup.duckdb", umask=0o077).status == 0

        assert service.owners() == {SERVICE}
        assert set(modes(service.files()).values()) <= {"600", "644", "700", "755"}
        assert stat.S_IMODE(service.path.stat().st_mode) == 0o600
        assert service("wsq-process", "--now", LATER).status == 0


def test_the_file_that_forgetting_writes_anew_keeps_its_owner_and_mode(service):
    service.path.chmod(0o640)
    added = "import wsq; ws = wsq.open(); print(ws.store('default').create_contact('Ada Okafor').id); ws.close()"
    contact = subprocess.run(
        [sys.executable, "-c", added], env=service.environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    before = service.path.stat()

    assert service.root("wsq", "forget", "contact", contact, "--store", "default", "--yes").status == 0

    after = service.path.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_what_was_there_before_keeps_its_owner_and_mode(service):
    paths = [service.folder / name for name in ("team.duckdb.wal", "team.duckdb.wsq/lock")]
    for path in paths:
        path.chmod(0o640)
        os.chown(path, 1 if IS_ROOT else SERVICE, -1)
    before = [path.stat() for path in paths]

    assert service.root("wsq", "disable", "Tick").status == 0

    for path, former in zip(paths, before, strict=True):
        after = path.stat()
        assert (after.st_uid, after.st_mode, after.st_ino) == (former.st_uid, former.st_mode, former.st_ino)
        assert after.st_mtime_ns > former.st_mtime_ns, "nothing was written to it"


def test_the_services_installed_command_works_after_roots(service):
    checkpoint(service.path)
    shutil.rmtree(f"{service.path}.wsq")

    assert service.run(os.geteuid(), 0o022, installed("wsq", "disable", "Tick")).status == 0
    assert service.run(SERVICE, 0o022, installed("wsq", "enable", "Tick")).status == 0

    assert service.owners() == {SERVICE}


def installed(*words: str) -> Work:
    """What a shell starts."""
    return partial(_installed, words)


def _installed(words: Sequence[str]) -> int:
    return subprocess.run([SCRIPTS / words[0], *words[1:]]).returncode


# The file at fault

AT_FAULT = [
    *("team.duckdb", "team.duckdb.wal", "team.duckdb.wsq"),
    *(f"team.duckdb.wsq/{name}" for name in ("lock", "turn", "counter", "passes")),
]


def test_the_sentence_names_the_file_at_fault_and_whose_it_is(service):
    assert service("wsq-process").status == 0  # which notes that there was a pass
    for name in AT_FAULT:
        path = service.folder / name
        service.lock_away(path)

        said = service("wsq-process")

        refused(said, f"{path} cannot be written to (permission denied)")
        assert not IS_ROOT or "it belongs to root, has mode 0600, and this is nobody" in said.err
        service.give_back(path)

    service.lock_away(path)
    doctor = service("wsq", "doctor")
    assert doctor.status == 1
    assert str(path) in doctor.out


def test_a_folder_in_which_no_log_can_be_created_is_named_and_the_doctor_tries_that(service):
    checkpoint(service.path)
    service.folder.chmod(0o555)
    if IS_ROOT:
        os.chown(service.folder, 0, 0)

    listed, said, doctor = service("wsq", "list"), service("wsq", "disable", "Tick"), service("wsq", "doctor")

    assert listed.status == 0  # reading needs no log
    refused(said, f"{service.folder} cannot be written to (permission denied)", str(service.path))
    assert doctor.status == 1
    assert f"problem  write: {service.folder} cannot be written to" in doctor.out
    os.chown(service.folder, SERVICE, -1)
    service.folder.chmod(0o700)
    assert service("wsq", "disable", "Tick").status == 0


def test_the_doctor_finds_what_the_owner_cannot_write_to_also_as_root(service):
    other = 1 if IS_ROOT else SERVICE
    os.chown(f"{service.path}.wsq/turn", other, -1)

    said = service.root("wsq", "doctor")

    assert (f"cannot write to {service.path}.wsq/turn (owner daemon)" in said.out) is IS_ROOT
    assert "write: It can be written to." in said.out


# Permissions


@pytest.mark.parametrize(
    ("umask", "given", "file", "folder"),
    [(0, "", "600", "700"), (0o177, "0660", "660", "770"), (0o077, "644", "644", "755")],
)
def test_what_is_new_has_the_permissions_of_the_setting_whatever_the_umask(service, umask, given, file, folder):
    path = service.folder / "new" / "folder" / "new.duckdb"
    with_mode = {"umask": umask, "WSQ_FILE_MODE": given, "WSQ_DATABASE": str(path)}

    for words in (
        ("wsq", "add", "Tick", "--prompt", PROMPT, "--every", "1 day"),
        ("wsq-process",),
        ("wsq", "backup", "new/backups/new.bak"),
        ("wsq", "export", "new/backups/new.gz"),
    ):
        said = service(*words, **with_mode)
        assert said.status == 0, said

    found = {
        path: each for path, each in service.files().items() if "new" in path.parts and path.parent.name != "private"
    }
    folders = modes({path: each for path, each in found.items() if stat.S_ISDIR(each.st_mode)})
    files = modes({path: each for path, each in found.items() if stat.S_ISREG(each.st_mode)})
    assert folders == dict.fromkeys(("new", "folder", "backups", "new.duckdb.wsq", "passes", "private"), folder)
    assert {"new.duckdb", "new.duckdb.wal", "new.bak", "new.gz", "lock", "turn", "counter"} < files.keys()
    assert set(files.values()) == {file}


def test_a_backup_of_a_server_has_them_too_and_nothing_is_left_beside_it(service, ready_server):
    place = {"umask": 0, "WSQ_DATABASE": ready_server.url}

    assert service.root("wsq", "backup", "copies/a.duckdb", **place).status == 0
    assert service.root("wsq", "backup", "copies/b.duckdb", WSQ_FILE_MODE="0640", **place).status == 0
    assert service.root("wsq", "export", "copies/c.gz", **place).status == 0

    copies = service.folder / "copies"
    assert modes({path: path.stat() for path in (copies, *copies.iterdir())}) == {
        "copies": "700",
        "a.duckdb": "600",
        "b.duckdb": "640",
        "c.gz": "600",
    }


def test_permissions_that_are_there_stay_what_is_added_follows_them_and_the_doctor_warns(service):
    checkpoint(service.path)
    shutil.rmtree(f"{service.path}.wsq")
    service.path.chmod(0o664)

    assert service("wsq", "disable", "Tick", umask=0o077).status == 0
    doctor = service("wsq", "doctor")
    meant = service("wsq", "doctor", WSQ_FILE_MODE="0664")

    found = modes(service.files())
    assert {found[name] for name in ("team.duckdb", "team.duckdb.wal", "lock", "turn", "counter")} == {"664"}
    assert found["team.duckdb.wsq"] == "775"
    assert doctor.status == 1
    assert f"Other users of this machine can open {service.path} and " in doctor.out
    assert "(mode 0664)" in doctor.out
    assert "No key or password is exposed." in doctor.out
    assert "nobody else has more access than mode 0664 gives." in meant.out

    # What the doctor says is what helps
    advice = doctor.out.partition("Run ")[2].partition(", or set")[0]
    subprocess.run(["sh", "-c", advice], check=True)
    assert service("wsq", "doctor").status == 0
    assert set(modes(service.files()).values()) == {"600", "700"}


def test_a_mode_that_is_none_is_refused(folder):
    for given in ("0777", "400", "600.5", "rw", "0o1600", "0604 0604", "1600", "-600"):
        with pytest.raises(wsq.WsqError, match="octal permissions such as 0600"):
            wsq.settings.load(environ={"WSQ_FILE_MODE": given})

    refused(process(env={**os.environ, "WSQ_FILE_MODE": "0777"}), "WSQ_FILE_MODE is '0777', expected octal permissions")


def test_a_mode_may_stand_in_wsq_toml_as_text_or_as_a_number(tmp_path):
    for text in ('"0640"', '"640"', "0o640"):
        (tmp_path / "wsq.toml").write_text(f"file_mode = {text}\n")
        assert wsq.settings.load(environ={}, cwd=tmp_path).file_mode == 0o640


# Links, and systems that refuse


@pytest.mark.parametrize(
    "name", ["team.duckdb.wsq", "team.duckdb.wsq/lock", "team.duckdb.wsq/counter", "team.duckdb.wal"]
)
def test_links_beside_the_database_are_not_followed(service, name):
    # Given a link where root's command would write
    checkpoint(service.path)
    elsewhere = service.folder / "elsewhere"
    elsewhere.mkdir()
    link, target = service.folder / name, elsewhere / "target"
    shutil.rmtree(f"{service.path}.wsq")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere if name.endswith("wsq") else target)
    if not name.endswith("wsq"):
        target.write_bytes(b"untouched")

    said = service.root("wsq", "disable", "Tick")

    assert said.status == 2
    assert_a_sentence(said.err, str(link))
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} in ({}, {"target": b"untouched"})
    link.unlink()
    assert service.root("wsq", "disable", "Tick").status == 0


def test_where_an_owner_cannot_be_set_the_work_goes_on_and_it_is_said_once(service):
    if IS_ROOT:  # who is root in a namespace of its own may give away nothing there
        for path in (service.folder, *service.folder.rglob("*")):
            path.chmod(0o777)
    checkpoint(service.path)
    shutil.rmtree(f"{service.path}.wsq")

    crew.in_a_namespace_of_its_own(_disable, service)


def _disable(service: Service) -> None:
    words = [SCRIPTS / "wsq", "disable", "Tick"]
    said = subprocess.run(words, env=service.environment, cwd=service.folder, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stderr.count("cannot be set here") == IS_ROOT, said.stderr
    assert len(said.stderr.splitlines()) == IS_ROOT, said.stderr
    assert Path(f"{service.path}.wal").exists()


def test_a_group_of_which_a_user_is_no_member_is_no_trouble(tmp_path, caplog):
    database = tmp_path / "team.duckdb"
    database.write_bytes(b"")
    others: Callable[[], int] = lambda: 4711 if IS_ROOT else os.getgid()
    os.chown(database, -1, others())

    os.close(Files(database).create(tmp_path / "made"))

    assert (tmp_path / "made").stat().st_gid == others()
    assert not caplog.records
