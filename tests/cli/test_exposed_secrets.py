"""Secrets that other people could read: settings files, keys sent without encryption, passwords in command lines."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

import wsq
from tests.cli.conftest import eventually
from tests.cli.test_serve import schedulers, up
from tests.commands import SCRIPTS
from tests.faults.commands import command, make, process

SECRETS = [
    'api_key = "sk-ant-1"',
    'admin_password = "correct horse battery"',
    f'cookie_secret = "{"x" * 40}"',
    'oauth_secret = "hidden"',
    'alert_url = "https://hooks.example.com/T0/B0"',
    'database = "postgresql://wsq:sesame@db.example/wsq"',
]
PLAIN = ['timezone = "UTC"', 'database = "team.duckdb"', 'database = "postgresql://wsq@db.example/wsq"']


def settings(folder: Path, text: str, mode: int, **environ: str) -> wsq.settings.Settings:
    file = folder / "wsq.toml"
    file.write_text(f"{text}\n")
    file.chmod(mode)
    return wsq.settings.load(environ=environ, cwd=folder)


@pytest.mark.parametrize("text", SECRETS)
def test_a_settings_file_with_a_secret_that_others_can_read_is_named(tmp_path, text):
    for mode in (0o644, 0o640, 0o604):
        (sentence,) = settings(tmp_path, text, mode).exposed
        assert sentence == (
            f"{tmp_path / 'wsq.toml'} contains {text.partition(' ')[0]}, and other users of this machine can read it "
            f"(mode {mode:04o}). Run chmod 600 {tmp_path / 'wsq.toml'}."
        )

    assert settings(tmp_path, text, 0o600).exposed == ()
    assert settings(tmp_path, text, 0o640, WSQ_FILE_MODE="0640").exposed == ()


@pytest.mark.parametrize("text", PLAIN)
def test_a_settings_file_without_a_secret_may_be_read(tmp_path, text):
    assert settings(tmp_path, text, 0o644).exposed == ()


@pytest.mark.parametrize(
    ("url", "is_exposed"),
    [
        ("http://gateway.example", True),
        ("HTTP://10.0.0.7:4000/v1", True),
        ("http://llm:4000", True),
        ("http://localhost.example", True),
        ("https://gateway.example", False),
        ("http://localhost:4000", False),
        ("http://127.0.0.1:4000", False),
        ("http://[::1]:4000", False),
    ],
)
def test_a_key_that_goes_to_another_host_without_encryption_is_named(tmp_path, url, is_exposed):
    given = {"ANTHROPIC_API_KEY": "sk-ant-1", "ANTHROPIC_BASE_URL": url}

    found = wsq.settings.load(environ=given, cwd=tmp_path).exposed

    assert [sentence.startswith("ANTHROPIC_API_KEY is sent to http://") for sentence in found] == [True] * is_exposed
    assert wsq.settings.load(environ={"ANTHROPIC_BASE_URL": url}, cwd=tmp_path).exposed == ()  # there is no key


def test_so_is_the_secret_of_a_login(tmp_path):
    given = {"WSQ_OAUTH_PROVIDER": "generic", "WSQ_OAUTH_KEY": "wsq", "WSQ_OAUTH_SECRET": "hidden"}
    urls = "AUTHORIZE_URL=https://id.example/a,TOKEN_URL=http://id.example/t,USER_URL=https://id.example/u"

    (sentence,) = wsq.settings.load(environ=given | {"WSQ_OAUTH_PARAMS": urls}, cwd=tmp_path).exposed

    assert sentence.startswith("WSQ_OAUTH_SECRET is sent to http://id.example/… without encryption")


def test_passes_and_the_doctor_say_it(folder):
    make(folder / "team.duckdb")
    (folder / "wsq.toml").write_text('api_key = "sk-ant-1"\nbase_url = "http://gateway.example"\n')
    (folder / "wsq.toml").chmod(0o644)
    before = ["--now", "2026-03-02T12:00:00Z"]

    said, quiet, doctor = process(*before), process("--quiet", *before), command("doctor")

    assert (said.status, quiet.status, doctor.status) == (0, 0, 1)
    for words in ("wsq.toml contains api_key", "ANTHROPIC_API_KEY is sent to http://gateway.example/… without"):
        assert words in said.err
        assert words not in quiet.err
        assert words in doctor.out
    assert "sk-ant-1" not in said.err + doctor.out


# Passwords of a server


@pytest.fixture
def url(ready_server) -> str:
    """A URL with a password, which this server does not ask for."""
    user, _, rest = ready_server.url.partition("@")
    return f"{user.rstrip(':')}:sesame@{rest}"


def test_no_process_of_wsq_serve_has_the_password_in_its_command_line(started, url):
    serving = started(SCRIPTS / "wsq", "serve", "--port", "0", env={**os.environ, "WSQ_DATABASE": url})
    up(serving)

    (scheduler,) = schedulers(serving)
    with wsq.open(url) as ws:
        assert eventually(lambda: ws.scheduler() is not None)  # it has made a pass
    for each in (psutil.Process(serving.pid), scheduler):
        assert "sesame" not in " ".join(each.cmdline())
    serving.terminate()
    assert serving.wait(10) == 0


def test_a_password_that_was_typed_is_warned_of_and_is_not_in_the_lock_beside_a_file(folder, url):
    make(folder / "team.duckdb")

    said = command("copy", "team.duckdb", url, cold=True)

    assert said.status == 0, said
    assert said.err.startswith("wsq: The database's password is in the command line")
    assert len(said.err.splitlines()) == 1
    assert "sesame" not in said.out + said.err
    assert b"sesame" not in (folder / "team.duckdb.wsq" / "lock").read_bytes()
    assert b"wsq copy" in (folder / "team.duckdb.wsq" / "lock").read_bytes()
    assert "password" not in process(env={**os.environ, "WSQ_DATABASE": url}).err
