"""The parts of the login that know no page: the users file, passwords, throttle, signed sessions."""

from __future__ import annotations

import base64
import stat
import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.auth.conftest import BEGAN, KEPT, PASSWORD
from wsq.errors import InvalidInput, NotFound, SettingError
from wsq.rules.roles import memberships, reaches, role_in, user_name
from wsq.views.auth import passwords, sessions
from wsq.views.auth.sessions import Device, Session, Signer, Ticket
from wsq.views.auth.throttle import LONGEST_WAIT, MOST_KEPT, Limit, Throttle
from wsq.views.auth.users import User, UsersFile

TWIN = b'{"name": "a", "stores": {}, "since": "2026-01-01T00:00:00Z"}'
TWINS = b'{"users": [%b, %b]}' % (TWIN, TWIN.replace(b'"a"', b'"A"'))


@pytest.fixture
def file(tmp_path):
    return UsersFile(tmp_path / "users.json")


def somebody(name="ada", **given):
    return User(**{"name": name, "stores": {"*": "viewer"}, "since": BEGAN, "password": KEPT, **given})


# The users file


def test_a_user_is_found_however_their_name_is_written_and_others_read_it_anew(file):
    other = UsersFile(file.path)
    assert other.users() == {}

    file.add(somebody("Ada@Example.com"))

    assert other.users()["ada@example.com"].name == "Ada@Example.com"
    with pytest.raises(InvalidInput, match=r"already a user 'Ada@Example\.com'"):
        other.add(somebody("ADA@EXAMPLE.COM"))
    with pytest.raises(NotFound, match=r"no user 'Aida@Example.com'; the nearest is 'Ada@Example.com'"):
        file.remove("Aida@Example.com")
    assert other.remove("ada@example.com").name == "Ada@Example.com"
    assert file.users() == {}


def test_nobody_else_can_read_it_and_the_password_does_not_stand_in_it(file):
    file.add(somebody(password=passwords.hash_password("hunter2 hunter2", user="ada")))
    file.change("ada", lambda user: user)

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert "hunter2" not in file.path.read_text()
    assert KEPT not in repr(somebody())
    assert sorted(each.name for each in file.path.parent.iterdir()) == ["users.json", "users.json.lock"]


def test_of_two_who_write_at_once_neither_is_forgotten(file):
    def add(first):
        for n in range(10):
            UsersFile(file.path).add(somebody(f"{first}{n}"))

    writers = [threading.Thread(target=add, args=(first,)) for first in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len(file.users()) == 30


def test_a_users_name_at_a_provider_is_compared_exactly_and_has_no_password(file):
    for name in ("generic:Ada", "generic:ada", "generic:ada "):
        file.add(somebody(name, password=None))
    file.add(somebody("generic:root"))

    assert file.claim("generic:Ada", None).name == "generic:Ada"
    assert file.claim("generic:ADA", None) is None
    assert file.claim("generic:root", None) is None, "it has a password"
    assert file.remove("generic:ada ").name == "generic:ada "
    assert set(file.users()) == {"generic:Ada", "generic:ada", "generic:root"}


def test_an_invitation_is_for_a_verified_address_once_and_for_nobody_with_a_password(file):
    file.add(somebody("Ada@Example.com", password=None))
    file.add(somebody("eve@example.com"))
    file.add(somebody("straße@example.com", password=None))

    for email in (None, "", "eve@example.com", "ada@example.com ", "strasse@example.com", "STRASSE@EXAMPLE.COM"):
        assert file.claim("google:7", email) is None, email
    found = file.claim("google:7", "ada@example.COM")
    assert (found.name, found.email, found.since) == ("google:7", "ada@example.COM", BEGAN)
    assert file.claim("google:8", "ada@example.com") is None
    assert file.claim("google:7", None).email == "ada@example.COM"
    assert file.change("ADA@example.com", lambda user: user).name == "google:7", "a command finds it by the address"
    with pytest.raises(InvalidInput, match=r"already a user 'google:7' with the e-mail address ada@example\.COM"):
        file.add(somebody("ada@example.com", password=None))


def test_a_file_that_cannot_be_written_lets_in_who_stands_in_it_already(file, tmp_path, monkeypatch):
    file.add(somebody("google:7", password=None))
    file.add(somebody("eve@example.com", password=None))
    Path(f"{file.path}.lock").unlink()
    Path(f"{file.path}.lock").mkdir()  # no process can lock it

    assert file.claim("google:7", "ada@example.com").name == "google:7"
    with pytest.raises(SettingError, match="cannot be written"):
        file.claim("google:8", "eve@example.com")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b'{"users": [{"name": "ada"}]}',
        b'{"users": [{"name": "ada", "stores": {"*": "god"}, "since": "2026-01-01T00:00:00Z"}]}',
        b'{"users": [{"name": "ada", "stores": {}, "since": "2026-01-01T00:00:00Z", "password": "marked-secret"}]}',
        b'{"users": [{"name": " ", "stores": {}, "since": "2026-01-01T00:00:00Z"}]}',
        b'{"users": [{"name": "agent:x", "stores": {}, "since": "2026-01-01T00:00:00Z"}]}',
        TWINS,
    ],
)
def test_a_file_that_is_not_sound_lets_nobody_in_and_is_not_written_over(file, text):
    file.path.write_bytes(text)

    for use in (file.users, lambda: file.add(somebody("new"))):
        with pytest.raises(SettingError, match=r"users\.json is (invalid:|not a valid)") as refusal:
            use()
        assert "marked-secret" not in str(refusal.value)
    assert file.path.read_bytes() == text


# Passwords


def test_a_password_fits_its_own_hash_alone_and_no_two_hashes_are_alike():
    kept = passwords.hash_password(PASSWORD, user="ada")

    assert passwords.matches(PASSWORD, kept)
    assert passwords.matches(PASSWORD, KEPT)
    assert not passwords.matches(PASSWORD + " ", kept)
    assert not passwords.matches(PASSWORD, None)
    assert passwords.hash_password(PASSWORD, user="ada") != kept
    assert passwords.is_hash(kept)
    assert not passwords.is_hash("scrypt$1073741824$8$1$c2FsdHNhbHRzYWx0c2Fs$c2FsdHNhbHRzYWx0c2Fs"), "it costs 1 TiB"


@pytest.mark.parametrize("password", ["", "nine char", "x" * 1_001])
def test_a_password_that_is_too_short_or_too_long_is_refused_and_not_shown(password):
    with pytest.raises(InvalidInput, match="expected 10 to 1,000") as refusal:
        passwords.hash_password(password, user="ada")
    assert not password or password not in str(refusal.value)


@pytest.mark.parametrize(
    "password",
    [
        *("password123", "Password1!", "p@ssw0rd2026", "qwertyuiop", "1234567890", "iloveyou22", "letmein2024"),
        *("aaaaaaaaaaaa", "abcabcabcabc", "x" * 1_000, "10/10/1990!!", "Summer2026!", "correcthorse"),
        *("ada.lovelace@example.com", "adalovelace", "wsqwsqwsqwsq"),
    ],
)
def test_a_common_password_and_one_made_of_the_name_are_refused_and_not_shown(password):
    with pytest.raises(InvalidInput, match="easy to guess") as refusal:
        passwords.hash_password(password, user="ada.lovelace@example.com")
    assert password not in str(refusal.value)


# Throttle


def test_who_guesses_waits_longer_each_time_and_never_longer_than_a_minute():
    throttle, now, waits = Throttle(), 0.0, []
    for _ in range(12):
        assert throttle.take([Limit(("name", "ada"), 3)], now) == 0
        wait = throttle.take([Limit(("name", "ada"), 3)], now)
        waits.append(wait)
        now += wait

    assert waits == [0, 1, 2, 4, 8, 16, 32, *[LONGEST_WAIT] * 5]
    assert throttle.take([Limit(("name", "eve"), 3)], now) == 0


def test_tries_that_may_not_be_made_keep_no_wait_from_ending():
    throttle, limits = Throttle(), [Limit(("name", "ada"), 1)]
    throttle.take(limits, 0.0)
    for _ in range(1_000):
        assert throttle.take(limits, 0.5) == 0.5
    assert throttle.take(limits, 1.0) == 0


def test_who_was_right_or_quiet_for_long_begins_anew():
    throttle, limits = Throttle(), [Limit(("name", "ada"), 1)]
    for now in (0.0, 2_000.0, 4_000.0):
        assert throttle.take(limits, now) == 0
        assert throttle.take(limits, now) == 1
    throttle.forgive([("name", "ada")])
    assert throttle.take(limits, 4_000.0) == 0


def test_attempts_may_be_counted_alone_or_with_a_longer_wait():
    throttle = Throttle()
    for n in range(100):
        assert throttle.take([Limit(("name", "ada"), None)], float(n)) == 0
    assert throttle.number(("name", "ada"), 100.0) == 100
    assert throttle.number(("name", "eve"), 100.0) == 0
    long, now = [Limit(("pair", "ada"), 1, 600.0)], 0.0
    for _ in range(12):
        throttle.take(long, now)
        now += throttle.take(long, now)
    assert throttle.take(long, now) == 0
    assert throttle.take(long, now) == 600


def test_however_many_names_are_tried_no_more_are_remembered_than_there_is_room_for():
    throttle = Throttle()
    for n in range(MOST_KEPT + 10):
        throttle.take([Limit(("name", str(n)), 1)], 0.0)

    assert throttle.kept() == MOST_KEPT


# Sessions


def test_what_was_signed_for_one_thing_serves_no_other_and_is_worth_nothing_when_changed():
    signer, other = Signer("a" * 32), Signer("b" * 32)
    session = sessions.new_session("ada", "mark", 1_000)
    text = signer.signed(session)

    assert signer.read(Session, text) == session
    assert other.read(Session, text) is None
    assert signer.read(Device, text) is None
    assert signer.read(Ticket, text) is None
    assert signer.read(Session, signer.signed(Ticket(session=session, at=1_000))) is None
    for forged in (None, "", ".", text[:-1], text + "0", "é." + text, f"{text[1:]}", text.split(".")[0], "a" * 5_000):
        assert signer.read(Session, forged) is None
    body, _, signature = text.partition(".")
    admin = msgspec.structs.replace(session, name="root")
    assert signer.read(Session, f"{signer.signed(admin).partition('.')[0]}.{signature}") is None
    assert "mark" not in signer.mark("the password's hash")
    old = msgspec.json.encode(["ada", "x", 1_000])
    with_less = base64.urlsafe_b64encode(old).rstrip(b"=")
    assert signer.read(Session, f"{with_less.decode()}.{signer._signature(Session, with_less)}") is None
    assert body != signature


def test_a_session_is_over_after_a_time_of_nothing_or_a_long_one_of_anything():
    session = Session(name="ada", id="x", since=0, seen=0, mark="")
    seen = msgspec.structs.replace(session, seen=sessions.LONGEST)

    assert not sessions.is_over(session, sessions.IDLE)
    assert sessions.is_over(session, sessions.IDLE + 1)
    assert not sessions.is_over(seen, sessions.LONGEST)
    assert sessions.is_over(seen, sessions.LONGEST + 1)
    assert sessions.is_over(session, -sessions.AHEAD - 1)
    assert timedelta(seconds=sessions.IDLE) == timedelta(hours=8)


# Roles


def test_a_role_reaches_what_is_for_those_below_it_and_what_is_said_of_a_store_goes_first():
    mine = {"*": "admin", "acme": "viewer"}

    assert role_in(mine, "acme") == "viewer"
    assert role_in(mine, "globex") == "admin"
    assert role_in({"acme": "viewer"}, "globex") is None
    assert reaches("editor", "viewer")
    assert not reaches("editor", "admin")
    assert not reaches(None, "viewer")
    assert memberships("editor", ["a", "b"]) == {"a": "editor", "b": "editor"}
    assert memberships("admin", []) == {"*": "admin"}


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "agent:42", "wsq"])
def test_a_name_that_would_pass_for_something_else_is_no_users(name):
    with pytest.raises(InvalidInput, match="user's name is"):
        user_name(name)
