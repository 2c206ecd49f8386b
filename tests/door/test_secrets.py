"""Secrets are in no log, event, page or traceback, whatever goes wrong."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import wsq
from tests.door.conftest import serving
from wsq.agent.providers import OfflineProvider

MARKED = {
    "WSQ_ADMIN_PASSWORD": "marked-admin-password-1",
    "WSQ_COOKIE_SECRET": "marked-cookie-secret-2-0123456789-0123456789",
    "ANTHROPIC_API_KEY": "marked-api-key-3",
    "ANTHROPIC_BASE_URL": "http://marked-user:marked-url-password-4@127.0.0.1:9",
    "WSQ_OAUTH_SECRET": "marked-oauth-secret-5",
    "WSQ_ALERT_URL": "http://127.0.0.1:9/marked-alert-path-6",
}
SECRETS = [re.search(r"marked-(?!user)[\w-]+", value)[0] for value in MARKED.values()]


def unmarked(*texts):
    """Nothing of what is secret stands in any of these."""
    for text in texts:
        for secret in (*SECRETS, "marked-typed"):
            assert secret not in text, text[max(0, text.find(secret) - 300) : text.find(secret) + 50]


def test_a_server_in_trouble_tells_no_secret_in_its_log_its_pages_and_the_events(tmp_path):
    # Given a server with secrets of every kind, and a users file that cannot be understood
    with wsq.open(tmp_path / "team.duckdb", provider=OfflineProvider()) as ws:
        task = ws.store("acme").create_recurring_task("Tick", "List the tasks", every="1 day")
    users = tmp_path / "users.json"
    settings = {"WSQ_OAUTH_PROVIDER": "github", "WSQ_OAUTH_KEY": "wsq", "WSQ_ADMIN": "ada", "WSQ_USERS": str(users)}
    with serving(tmp_path, **MARKED, **settings) as house:
        users.write_text('{"users": "marked-typed-7"}')

        # When all that can go wrong does
        answers = [
            house.log_in("ada", "marked-typed-password-8"),
            house.log_in("marked-name-nobody", "marked-typed-password-8"),
            house.ask("POST", "/login", body={"name": "ada", "password": MARKED["WSQ_ADMIN_PASSWORD"]}),
            house.ask("POST", "/login", body={"name": b"\xff", "password": b"marked-typed-\xff"}),
            house.ask("GET", "/login/oauth?code=marked-typed-code-9&state=x"),
            house.ask("GET", "/login/oauth?error=marked&error_description=%ff"),
            house.ask("GET", "/board?token=marked-typed-token-10"),
        ]
        right = house.log_in("ada", MARKED["WSQ_ADMIN_PASSWORD"])
        assert right.status == 303
        session = right.cookie("wsq-session").partition("=")[2].partition(";")[0]
        pages = [
            house.ask("GET", f"/{page}?store=acme", session=session)
            for page in ("board", "library", "statistics", "since", "admin")
        ]
        assert {page.status for page in pages} == {200}
        assert house.logged("Nobody of the users file can be let in")
        assert session not in house.log()
    with wsq.open(tmp_path / "team.duckdb", provider=Failing()) as ws:
        run = ws.store("acme").run_now(task.id)
        events = str([event.fact for event in ws.store("acme").events()]) + repr(run) + repr(ws.settings)

    # Then nothing tells a secret
    assert {answer.status for answer in answers} <= {303, 400, 401, 403, 429}
    unmarked(house.log(), events, *(each.text for each in (*answers, *pages)))


class Failing(OfflineProvider):
    """A provider that is out of order."""

    async def turn(self, request, progress):
        raise OSError("out of order")


COMMANDS = [
    ["serve", "--address", "0.0.0.0", "--port", "0"],
    ["user", "add", "ada"],
    ["user", "list"],
    ["list"],
    ["doctor"],
]


@pytest.mark.parametrize(
    "broken",
    [
        {"WSQ_DATABASE": "postgresql://wsq:marked-database-11@127.0.0.1:9/wsq"},
        {"WSQ_DATABASE": "postgresql://wsq:marked-database-11@[127.0.0.1:9/wsq"},
        {"WSQ_COOKIE_SECRET": "marked cookie 12"},
        {"WSQ_OAUTH_PARAMS": "x"},
    ],
)
def test_a_command_that_cannot_begin_tells_no_secret(tmp_path, broken):
    users = tmp_path / "users.json"
    users.write_text('{"users": [{"name": "ada", "password": "marked-typed-13"}]}')
    environ = {"WSQ_DATABASE": str(tmp_path / "t.duckdb"), "WSQ_USERS": str(users), **MARKED, **broken}
    script = "import sys; from wsq.cli.main import main; [main(each) for each in eval(sys.argv[1])]"

    done = subprocess.run(
        [sys.executable, "-c", script, repr(COMMANDS)],
        input="marked-typed-password-14\n",
        env={"PATH": "/usr/bin", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), **environ},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stderr.count("wsq: ") >= 3
    unmarked(done.stdout + done.stderr)
    assert "marked-database" not in done.stderr
    assert "marked cookie" not in done.stderr
