"""Secrets are in no log, event, page or traceback, whatever goes wrong."""

from __future__ import annotations

import subprocess
import sys

import wsq
from tests.auth.conftest import ADMINS, MARKED, session_of
from tests.conftest import NOON
from wsq.clock import ManualClock


def unmarked(*texts):
    """Nothing of what is secret stands in any of these."""
    for text in texts:
        assert "marked" not in text, text[max(0, text.find("marked") - 300) : text.find("marked") + 50]


def test_a_server_in_trouble_tells_no_secret_in_its_log_and_on_its_pages(house, users):
    # Given a users file that cannot be understood
    sound = users.path.read_bytes()
    users.path.write_text('{"users": "marked-line"}')
    try:
        # When all that can go wrong does
        answers = [
            house.log_in("root", "marked-password"),
            house.log_in("ada", "marked-password"),
            house.ask("POST", "/login", body={"name": "root", "password": ADMINS}),
            house.ask("POST", "/login", body={"name": b"\xff", "password": b"marked-\xff"}),
            house.ask("GET", "/login/oauth?code=marked-code&state=x"),
            house.ask("GET", "/login/oauth?error=x&error_description=%ff"),
            house.ask("GET", "/board?token=marked-token"),
        ]
        assert house.logged("Users cannot log in")
    finally:
        users.path.write_bytes(sound)
    right = house.log_in("root", ADMINS)
    pages = [house.ask("GET", f"/{page}?store=acme", session=session_of("ada")) for page in ("board", "admin")]

    # Then nothing tells a secret, and the right password is right all the while
    assert {answer.status for answer in answers} == {303, 401, 403}
    assert (right.status, *(page.status for page in pages)) == (303, 200, 200)
    session = right.cookie("wsq-session").partition("=")[2].partition(";")[0]
    assert session not in house.log()
    unmarked(house.log(), *(each.text for each in (*answers, *pages)))


def test_a_model_that_cannot_be_reached_leaves_no_secret_in_the_events(tmp_path, monkeypatch, capfd):
    for name, value in MARKED.items():
        monkeypatch.setenv(name, value)

    with wsq.open(tmp_path / "team.duckdb", clock=ManualClock(NOON)) as ws:
        acme = ws.store("acme")
        run = acme.run_now(acme.create_recurring_task("Tick", "List the tasks", every="1 day").id)
        told = [repr(run), run.error, repr(ws.settings), str(acme.events()), str(ws.sql("select * from events").values)]

    assert run.reason == "provider"
    unmarked(*told, *capfd.readouterr())


COMMANDS = [
    ["serve", "--address", "0.0.0.0", "--port", "0"],
    ["user", "add", "ada"],
    ["user", "list"],
    ["list"],
    ["doctor"],
]


BROKEN = [
    {"WSQ_DATABASE": "postgresql://wsq:marked-database@127.0.0.1:9/wsq"},
    {"WSQ_DATABASE": "postgresql://wsq:marked-database@[127.0.0.1:9/wsq"},
    {"WSQ_COOKIE_SECRET": "marked cookie"},
    {"WSQ_OAUTH_PARAMS": "x"},
]
SCRIPT = """\
import os, sys
from wsq.cli.main import main
environments, commands = eval(sys.argv[1])
for environment in environments:
    os.environ.update(environment)
    for command in commands:
        main(command)
    for name in environment:
        del os.environ[name]
    print("next", file=sys.stderr)
"""


def test_a_command_that_cannot_begin_tells_no_secret(tmp_path):
    users = tmp_path / "users.json"
    users.write_text('{"users": [{"name": "ada", "password": "marked-hash"}]}')
    sound = {"WSQ_DATABASE": str(tmp_path / "t.duckdb"), "WSQ_USERS": str(users), **MARKED}

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, repr(([{**sound, **each} for each in BROKEN], COMMANDS))],
        input="marked-password\n" * len(BROKEN),
        env={"PATH": "/usr/bin", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    said = done.stderr.split("next\n")
    assert [each.count("wsq: ") >= 3 for each in said] == [True] * len(BROKEN) + [False], done.stderr
    unmarked(done.stdout, done.stderr)
