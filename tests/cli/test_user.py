"""`wsq user`, and what `wsq serve` asks for before others may reach it."""

from __future__ import annotations

import io
import json
import stat

import pytest

import wsq
from tests.conftest import NOON
from wsq.views.auth import passwords
from wsq.views.auth.setup import authenticator_of, users_file
from wsq.views.auth.users import User, UsersFile

PASSWORD = "marked horse battery"
OAUTH = {"WSQ_OAUTH_PROVIDER": "generic", "WSQ_OAUTH_KEY": "x", "WSQ_OAUTH_SECRET": "marked"}


@pytest.fixture
def workspace(folder):
    """The workspace whose users they are; with the stores acme and globex."""
    with wsq.open(folder / "team.duckdb") as ws:
        ws.create_store("acme")
        ws.create_store("globex")


@pytest.fixture
def typed(monkeypatch):
    """Gives a command what it reads from standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.usefixtures("workspace")
def test_users_are_added_listed_changed_and_removed(folder, wsq_, typed):
    typed(f"{PASSWORD}\n")
    added = wsq_("user", "add", "Ada", "--role", "editor", "--store", "acme", "--store", "globex")
    assert (added.status, added.err) == (0, "")
    assert "Ada may log in as editor of acme, editor of globex." in added.out
    file = folder / "team.duckdb.users.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()

    assert "--store" not in added.out
    bob = wsq_("user", "add", "bob@example.com", "--no-password")
    assert bob.status == 0
    assert "To limit it: wsq user role bob@example.com --role viewer --store ID" in bob.out
    listed = json.loads(wsq_("user", "list", "--json").out)
    assert listed == [
        {"name": "Ada", "email": None, "stores": {"acme": "editor", "globex": "editor"}, "password": True},
        {"name": "bob@example.com", "email": None, "stores": {"*": "viewer"}, "password": False},
    ]
    assert wsq_("user", "list").out.splitlines()[2].split("  ")[-1] == "provider"

    assert wsq_("user", "role", "ada", "--role", "admin").out == (
        "Ada is now admin of all stores.\n"
        "No --store was given, so that is every store, also those created later. "
        "To limit it: wsq user role Ada --role admin --store ID\n"
    )
    typed("another password")
    assert "logged out everywhere" in wsq_("user", "password", "ADA").out
    kept = json.loads(file.read_text())["users"][0]
    assert kept["stores"] == {"*": "admin"}
    assert passwords.matches("another password", kept["password"])

    assert wsq_("user", "remove", "ada").status == 0
    assert [each["name"] for each in json.loads(wsq_("user", "list", "--json").out)] == ["bob@example.com"]


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (["add", "Eve"], "short", "The password has 5 characters, expected 10 to 1,000."),
        (["add", "Eve"], "", "The password has 0 characters, expected 10 to 1,000."),
        (["add", "Eve"], "password123", "The password is easy to guess"),
        (["add", "Eve", "--role", "god"], PASSWORD, "The role is 'god', expected one of viewer, editor, admin."),
        (["add", "Eve", "--store", "*"], PASSWORD, "'*'"),
        (["add", "agent:x"], PASSWORD, "which on events means wsq itself"),
        (["add", "Eve", PASSWORD], PASSWORD, "nrecognized arguments"),
        (["add", "octocat", "--no-password"], "", "is 'octocat', expected an e-mail address or PROVIDER:SUBJECT"),
        (["add", "GitHub:7"], PASSWORD, "is 'GitHub:7', expected github:SUBJECT for a user of github"),
        (["add", "google :7", "--no-password"], "", "expected google:SUBJECT"),
        (["add", "\N{FULLWIDTH LATIN SMALL LETTER G}oogle:7"], PASSWORD, "expected google:SUBJECT"),
        (["remove", "Eve"], "", "There is no user 'Eve'."),
        (["password", "Eve"], PASSWORD, "There is no user 'Eve'."),
        (["role", "Eve"], "", "There is no user 'Eve'."),
    ],
)
@pytest.mark.usefixtures("workspace")
def test_what_cannot_be_is_refused_in_a_sentence_and_nobody_is_added(folder, wsq_, typed, arguments, text, said):
    typed(text)

    done = wsq_("user", *arguments)

    assert done.status == 2
    assert said in done.err
    assert not (folder / "team.duckdb.users.json").exists()


@pytest.mark.usefixtures("workspace")
def test_a_user_of_a_provider_is_found_by_the_address_and_gets_no_password(folder, wsq_, typed):
    assert "github:583231 may log in as viewer" in wsq_("user", "add", "github:583231").out  # asks for nothing
    file = UsersFile(folder / "team.duckdb.users.json")
    file.claim("github:583231", "octo@example.com")

    [_, listed] = wsq_("user", "list").out.splitlines()
    assert listed.split()[::5] == ["github:583231", "octo@example.com"]
    assert "github:583231 is now admin" in wsq_("user", "role", "octo@example.com", "--role", "admin").out
    typed(PASSWORD)
    refused = wsq_("user", "password", "github:583231")
    assert (refused.status, "github:583231 logs in through github, and has no password here." in refused.err) == (
        2,
        True,
    )
    assert "github:583231 may no longer log in" in wsq_("user", "remove", "Octo@example.com").out
    assert file.users() == {}


def test_a_users_file_may_be_anywhere(folder, wsq_, typed, monkeypatch):
    typed(PASSWORD)
    assert wsq_("user", "add", "Ada", "--users", "given.json").status == 0
    monkeypatch.setenv("WSQ_USERS", str(folder / "given.json"))

    assert "Ada" in wsq_("user", "list").out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\u0430da", "The user's name is '\\u0430da', which looks like 'Ada'; choose another."),
        ("adа", "which looks like 'Ada'"),
        ("ada\u034f", "which looks like 'Ada'"),
        ("ada\ufe0f", "which looks like 'Ada'"),
        ("ａｄａ", "which looks like 'Ada'"),
        ("bi1l", "which looks like 'bill'"),
        ("bilI", "which looks like 'bill'"),
        ("аdmin", "which looks like 'admin'"),
        ("WSQ", "which is reserved or looks so"),
        ("ｗｓｑ", "which is reserved or looks so"),
        ("guest", "which is reserved or looks so"),
        ("Agent:7", "which is reserved or looks so"),
        ("аgent:7", "which is reserved or looks so"),
        ("ada\u200b", "expected 1 to 200 characters that can be shown"),
        ("ada\u202e", "expected 1 to 200 characters that can be shown"),
    ],
)
@pytest.mark.usefixtures("workspace")
def test_a_name_that_passes_for_another_is_refused(folder, wsq_, name, said):
    file = UsersFile(folder / "team.duckdb.users.json")
    for known in ("Ada", "bill"):
        file.add(User(name=known, stores={"*": "viewer"}, since=NOON))

    refused = wsq_("user", "add", name)

    assert refused.status == 2
    assert said in refused.err
    assert [each["name"] for each in json.loads(wsq_("user", "list", "--json").out)] == ["Ada", "bill"]


@pytest.mark.usefixtures("workspace")
def test_names_that_people_can_tell_apart_are_not_refused(wsq_, typed):
    names = ["Ada", "Zoe", "Zoë", "иван", "ivan", "李", "admin", "bill", "ada@example.com", "Ada Lovelace"]

    for name in names:
        typed(f"{PASSWORD}\n")
        assert wsq_("user", "add", name).status == 0, name


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.7", "::", "wsq.example.com"])
def test_others_are_not_served_without_a_login(wsq_, address):
    refused = wsq_("serve", "--address", address, "--port", "0", "--no-scheduler")

    assert refused.status == 2
    assert "expected a loopback address such as 127.0.0.1, since there is no login. Run `wsq user add`" in refused.err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WSQ_ADMIN": "ada"}, "WSQ_ADMIN_PASSWORD is not set, expected one for WSQ_ADMIN."),
        ({"WSQ_ADMIN_PASSWORD": "marked"}, "WSQ_ADMIN_PASSWORD is (not shown), expected a password of 10 to 1,000"),
        (
            {"WSQ_ADMIN": "Agent", "WSQ_ADMIN_PASSWORD": PASSWORD},
            "WSQ_ADMIN is not accepted. The user's name is 'Agent'",
        ),
        ({"WSQ_ADMIN_PASSWORD": "password123"}, "WSQ_ADMIN_PASSWORD is not accepted. The password is easy to guess"),
        ({"WSQ_TRUSTED_PROXIES": "10.0.0.1/8"}, "WSQ_TRUSTED_PROXIES is '10.0.0.1/8', expected networks such as 10"),
        ({"WSQ_COOKIE_SECRET": "marked"}, "WSQ_COOKIE_SECRET is (not shown), expected at least 32 random"),
        ({"WSQ_OAUTH_KEY": "x"}, "WSQ_OAUTH_KEY is set, expected WSQ_OAUTH_PROVIDER with it."),
        ({"WSQ_OAUTH_PROVIDER": "password"}, "WSQ_OAUTH_PROVIDER is 'password', expected one of github, google"),
        ({"WSQ_OAUTH_PROVIDER": "github"}, "WSQ_OAUTH_KEY is not set, expected it for github."),
        ({"WSQ_OAUTH_PROVIDER": "github", "WSQ_OAUTH_KEY": "x"}, "WSQ_OAUTH_SECRET is not set"),
        (
            {"WSQ_OAUTH_PROVIDER": "azure", "WSQ_OAUTH_KEY": "x", "WSQ_OAUTH_SECRET": "marked"},
            "WSQ_OAUTH_PARAMS lacks tenant=…, expected it for azure.",
        ),
        (
            {
                "WSQ_OAUTH_PROVIDER": "azurev2",
                "WSQ_OAUTH_KEY": "x",
                "WSQ_OAUTH_SECRET": "marked",
                "WSQ_OAUTH_PARAMS": "tenant=Common",
            },
            "WSQ_OAUTH_PARAMS has tenant=Common, expected one tenant: users of another could take any name.",
        ),
        (
            OAUTH,
            "lacks AUTHORIZE_URL=…, TOKEN_URL=…, USER_URL=… (or ISSUER=… instead), expected it for generic.",
        ),
        (
            OAUTH | {"WSQ_OAUTH_PARAMS": "ISSUER=http://id.example.com"},
            "has ISSUER=http://id.example.com, expected a URL",
        ),
        (
            OAUTH | {"WSQ_OAUTH_PARAMS": "ISSUER=https://a,state=x"},
            "WSQ_OAUTH_PARAMS has state=…, which wsq sets itself.",
        ),
        (
            OAUTH | {"WSQ_OAUTH_PROVIDER": "okta", "WSQ_OAUTH_PARAMS": "url=https://a.okta.com"},
            "WSQ_OAUTH_PARAMS has url='https://a.okta.com', expected a name without a scheme and a path.",
        ),
        ({"WSQ_ADMIN": "google:7"}, "WSQ_ADMIN is 'google:7', expected a user's name"),
        ({"WSQ_OAUTH_PARAMS": "nothing"}, "WSQ_OAUTH_PARAMS is 'nothing', expected NAME=VALUE"),
        ({"WSQ_OAUTH_REDIRECT_URI": "https://wsq.example.com"}, "expected a URL such as https://wsq.example.com/login"),
        ({"WSQ_ORIGIN": "a b"}, "WSQ_ORIGIN is 'a b', expected a host such as wsq.example.com"),
        ({"WSQ_USERS": "nobody.json"}, "nobody.json has no users"),
    ],
)
def test_half_a_login_is_none_and_is_said_in_a_sentence(wsq_, monkeypatch, settings, said):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    refused = wsq_("serve", "--port", "0", "--no-scheduler")

    assert refused.status == 2
    assert said in refused.err
    assert "marked" not in refused.err


def test_the_first_admin_may_stand_in_the_environment_and_is_the_same_in_every_instance(workspace_of):
    given = {"WSQ_ADMIN": "ada", "WSQ_ADMIN_PASSWORD": PASSWORD, "WSQ_COOKIE_SECRET": "s" * 32}
    doors = [authenticator_of(ws, ws.settings) for ws in (workspace_of(**given), workspace_of(**given))]
    try:
        session = doors[0].signer.signed(doors[0].new_session(doors[0].user("Ada")))

        assert doors[1].session_of(session).name == "ada"
        assert doors[1].user("ada").stores == {"*": "admin"}
        assert PASSWORD not in repr(workspace_of(**given).settings)
    finally:
        for door in doors:
            door.close()


def test_the_secret_is_made_once_and_kept_to_oneself(workspace_of, folder):
    given = {"WSQ_ADMIN_PASSWORD": PASSWORD}
    doors = [authenticator_of(ws, ws.settings) for ws in (workspace_of(**given), workspace_of(**given))]

    secret = folder / "team.duckdb.users.json.secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert doors[0].signer.key("x") == doors[1].signer.key("x")
    assert users_file(workspace_of(WSQ_DATABASE="/x/y.duckdb").settings).path.name == "y.duckdb.users.json"
    for door in doors:
        door.close()


@pytest.fixture
def workspace_of(folder, monkeypatch):
    """A workspace of settings that stand in the environment; it need not be there."""
    from types import SimpleNamespace

    from wsq import settings as configuration
    from wsq.clock import SystemClock

    def made(**given):
        environ = {"WSQ_DATABASE": str(folder / "team.duckdb"), **given}
        return SimpleNamespace(settings=configuration.load(environ=environ), clock=SystemClock())

    return made
