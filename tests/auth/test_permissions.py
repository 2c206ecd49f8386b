"""Every message that a page may be sent, from who may not send it: refused, nothing written, and logged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

import wsq
from tests.auth.conftest import BEGAN, KEPT, SECRET, USERS
from wsq.agent.providers import OfflineProvider
from wsq.clock import ManualClock
from wsq.rules.roles import EVERYWHERE, ROLES
from wsq.views.admin.component import Admin
from wsq.views.auth import sessions
from wsq.views.auth.authenticator import FREE_PER_ADDRESS, FREE_PER_NAME, FREE_PER_SITE, Authenticator, TooSoon
from wsq.views.auth.users import User, UsersFile
from wsq.views.board.component import Board
from wsq.views.library.component import Library
from wsq.views.live.hub import forget
from wsq.views.live.permissions import NEEDS
from wsq.views.page import messages
from wsq.views.since.component import SincePage
from wsq.views.statistics.component import StatisticsPage

KINDS = get_args(messages.Request)
ID = "an-id"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

SAMPLES = {
    messages.Sync: {"rev": 0},
    messages.Run: {"id": ID},
    messages.Enable: {"id": ID},
    messages.Disable: {"id": ID},
    messages.RunLate: {"id": ID},
    messages.Missed: {"id": ID, "policy": "skip"},
    messages.EnableMany: {"ids": [ID]},
    messages.DisableMany: {"ids": [ID], "reason": None},
    messages.Pause: {"whole": False, "until": None, "reason": None},
    messages.Resume: {"whole": False},
    messages.Overview: {"known": 0},
    messages.Alerts: {},
    messages.SinceThen: {"since": NOON.isoformat()},
    messages.Within: {"store": "acme", "message": {"type": "history", "ref": 1, "id": ID, "before": None}},
    messages.Delete: {"id": ID},
    messages.Open: {"form": "task", "id": None},
    messages.Check: {"form": "task", "id": None, "fields": {"title": "A"}},
    messages.Submit: {"form": "task", "id": None, "version": None, "fields": {"title": "A"}},
    messages.CreateTask: {"title": "A", "lane": "todo", "project": None},
    messages.MoveTask: {"id": ID, "lane": "done", "position": None},
    messages.ArchivedTasks: {"text": "secret"},
    messages.ArchiveTask: {"id": ID},
    messages.RestoreTask: {"id": ID, "position": None},
    messages.History: {"id": ID, "before": None},
    messages.Search: {"text": "secret"},
    messages.Preview: {"text": "secret"},
    messages.Library: {"archived": False, "known": ""},
    messages.Archive: {"kind": "project", "id": ID},
    messages.Restore: {"kind": "project", "id": ID},
    messages.DeleteContact: {"id": ID},
    messages.OpenExecution: {"id": ID},
    messages.CancelExecution: {"id": ID},
    messages.Statistics: {
        "store": "acme", "project": None, "task": None, "model": None, "days": 30, "since": None, "until": None,
        "theme": "light", "known": "",
    },
    messages.Renew: {"ticket": "forged"},
}  # fmt: skip
"""One of each kind, as a browser would send it."""

INNER = get_args(msgspec.structs.fields(messages.Within)[-1].type)
ASKING = [kind for kind in KINDS if NEEDS[kind] is not None]


def asked(kind, **changes):
    """A message of a kind as a browser's text."""
    return json.dumps({"type": kind.__struct_config__.tag, "ref": 1, **SAMPLES[kind], **changes})


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    path = tmp_path_factory.mktemp("gate") / "team.duckdb"
    with wsq.open(path, clock=ManualClock(NOON), provider=OfflineProvider(), actor="outside") as opened:
        for store in ("acme", "globex"):
            opened.store(store).create_task(f"A secret of {store}")
            opened.store(store).create_recurring_task(f"Tick of {store}", "List the tasks", every="1 day")
        yield opened
        forget(opened)


def book(path):
    """A users file in which everybody stands."""
    file = UsersFile(path)
    for name, stores in USERS.items():
        file.add(User(name=name, stores=stores, since=BEGAN, password=KEPT))
    return file


@pytest.fixture(scope="module")
def door(team, tmp_path_factory):
    opened = Authenticator(team, book(tmp_path_factory.mktemp("users") / "users.json"), SECRET)
    yield opened
    opened.close()


@pytest.fixture
def page_of(team, door):
    """A page as it is made for a user, whose session may have begun long ago; closed at the end."""
    opened = []

    def made(name, store_id, kind=Board, ago=0, door=door):
        now = door.now()
        session = msgspec.structs.replace(door.new_session(door.user(name)), since=now - ago, seen=now - ago)
        gate = door.permissions(session, store_id, "192.0.2.7")
        if kind is Admin:
            page = Admin(team, actor=name, page=True, permissions=gate)
        else:
            more = {"page": True} if kind is Board else {}
            page = kind(team.store(store_id).as_actor(name), permissions=gate, **more)
        opened.append(page)
        return page

    yield made
    for page in opened:
        page.close()


def answer(page, message):
    return page._dispatcher.answer(message)


def written(team):
    return [team.store(store).head() for store in ("acme", "globex")], team.ended_sessions()[0]


def lesser(needed):
    """A user whose role in acme is the one below, and the one who is no member."""
    return {"viewer": ["bob"], "editor": ["bob", "vic"], "admin": ["bob", "vic", "eve"]}[needed]


def test_every_kind_of_message_is_judged_and_tried_here():
    assert set(NEEDS) == set(KINDS) == set(SAMPLES)
    for kind in KINDS:
        messages.parse(asked(kind))


def test_who_may_not_ask_is_refused_in_a_sentence_and_it_is_logged(team, page_of, caplog):
    pages, before = {name: page_of(name, "acme") for name in ("bob", "vic", "eve")}, written(team)
    for kind in ASKING:
        for name in lesser(NEEDS[kind]):
            caplog.clear()

            told = answer(pages[name], asked(kind))

            assert not told["ok"], (kind, name)
            assert ("no store 'acme' that you" if name == "bob" else "role in the store 'acme' is") in told["error"]
            assert [record.action for record in caplog.records] == ["auth.refused"]
            assert f"{name!r} from 192.0.2.7: {kind.__struct_config__.tag}" in caplog.text
    assert written(team) == before


def test_when_the_session_is_over_every_message_is_refused_and_it_is_logged(team, page_of, caplog):
    pages = [page_of("ada", "acme", ago=sessions.IDLE + 1), page_of("ada", None, Admin, ago=sessions.LONGEST + 1)]
    before = written(team)
    for page in pages:
        for kind in KINDS:
            caplog.clear()

            told = answer(page, asked(kind))

            assert (told["ok"], told["login"]) == (False, True), kind
            assert told["error"] == "Your session has ended. Log in again; what you have typed here is kept."
            assert [record.action for record in caplog.records] == ["auth.refused"]
    assert written(team) == before


def test_what_is_asked_within_a_store_needs_the_role_in_that_store(team, page_of):
    page, before = page_of("bob", None, Admin), written(team)
    for kind in INNER:
        inner = {"type": kind.__struct_config__.tag, "ref": 1, **SAMPLES[kind]}

        foreign = answer(page, asked(messages.Within, store="acme", message=inner))
        missing = answer(page, asked(messages.Within, store="nowhere", message=inner))

        assert foreign["error"] == "There is no store 'acme' that you are a member of."
        assert missing["error"] == foreign["error"].replace("acme", "nowhere")
    assert written(team) == before


def test_an_admin_of_one_store_does_not_keep_the_others_still(team, page_of):
    before = written(team)
    for page in (page_of("bob", "globex"), page_of("bob", None, Admin)):
        for kind in (messages.Pause, messages.Resume):
            assert answer(page, asked(kind, whole=True))["error"] == "Only admins of all stores may do that."
    assert written(team) == before


def test_the_administration_is_for_admins_and_tells_of_their_stores_alone(team, page_of):
    (mine,) = team.store("globex").recurring_tasks()
    (foreign,) = team.store("acme").recurring_tasks()
    page = page_of("bob", None, Admin)

    lines = answer(page, asked(messages.Overview))["value"]["lines"]
    assert [line[0] for line in lines] == [mine.id]
    assert {each["store"] for each in answer(page, asked(messages.Alerts))["value"]["alerts"]} <= {"globex"}
    before = written(team)
    for kind in (messages.EnableMany, messages.DisableMany):
        assert answer(page, asked(kind, ids=[mine.id, foreign.id]))["error"].startswith("There is no recurring task")
    assert written(team) == before
    assert answer(page, asked(messages.DisableMany, ids=[mine.id]))["value"] == {"changed": [mine.id]}
    assert answer(page, asked(messages.EnableMany, ids=[mine.id]))["value"] == {"changed": [mine.id]}
    assert team.store("globex").events()[-1].actor == "bob"
    for name in ("eve", "vic"):
        assert "Only admins" in answer(page_of(name, None, Admin), asked(messages.Overview))["error"]


def test_what_needs_attention_is_counted_in_the_stores_that_the_page_of_all_stores_lists(page_of):
    counts = {"acme": 2, "globex": 1, EVERYWHERE: 1}

    def counted(name, store):
        card = {"type": "header", "header": {"stores": [], "pauses": {"stores": {}}, "alerts": counts, "blocked": None}}
        return page_of(name, store).permissions.fit(card)["header"]["alerts"]

    assert counted("ada", "acme") == counts
    assert counted("bob", "globex") == {"globex": 1}
    assert counted("eve", "acme") == counted("vic", "acme") == {"acme": 2}


def test_the_statistics_of_a_store_are_for_its_members_and_those_of_all_for_members_of_all(page_of):
    page = page_of("bob", "globex", StatisticsPage)

    assert answer(page, asked(messages.Statistics, store="globex"))["ok"]
    assert "member of" in answer(page, asked(messages.Statistics, store="acme"))["error"]
    assert "members of all" in answer(page, asked(messages.Statistics, store=None))["error"]
    assert answer(page_of("ada", "acme", StatisticsPage), asked(messages.Statistics, store=None))["ok"]


def test_of_a_store_that_is_not_there_yet_no_other_is_named(page_of):
    told = answer(page_of("ned", "glob"), asked(messages.Resume))

    assert told["error"] == "There is no store 'glob'."


def test_guesses_from_one_household_are_counted_together(door):
    for n in range(FREE_PER_ADDRESS):
        door.begin_attempt(f"name {n}", None, f"2001:db8::{n:x}")

    with pytest.raises(TooSoon):
        door.begin_attempt("another", None, "2001:db8::ffff")
    door.begin_attempt("another", None, "2001:db8:0:1::1")


def test_guesses_for_one_name_from_all_networks_of_a_site_are_counted_together(door):
    for n in range(FREE_PER_SITE):
        door.begin_attempt("guessed", None, f"2001:db8:7:{n:x}::1")

    with pytest.raises(TooSoon):
        door.begin_attempt("guessed", None, "2001:db8:7:ffff::1")
    door.begin_attempt("another", None, "2001:db8:7:ffff::1")
    door.begin_attempt("guessed", None, "2001:db8:8::1")


def test_guesses_from_two_households_are_counted_apart_however_a_proxy_writes_their_addresses(door):
    for n in range(FREE_PER_ADDRESS):
        door.begin_attempt(f"somebody {n}", None, "::ffff:203.0.113.20")

    with pytest.raises(TooSoon):
        door.begin_attempt("another", None, "203.0.113.20")
    door.begin_attempt("another of them", None, "::ffff:203.0.113.21")


def test_a_login_of_ones_own_buys_no_further_guesses_of_others(door):
    for n in range(FREE_PER_ADDRESS):
        door.begin_attempt(f"victim {n}", None, "203.0.113.7")
        if n + 1 < FREE_PER_ADDRESS:
            door.end_attempt(door.begin_attempt("ada", None, "203.0.113.7"))

    with pytest.raises(TooSoon):
        door.begin_attempt("another victim", None, "203.0.113.7")


def test_a_browser_is_known_as_long_as_the_password_is_the_one_by_which_somebody_came_in(team, tmp_path):
    # Given a browser in which somebody has come in
    users = book(tmp_path / "users.json")
    door = Authenticator(team, users, SECRET)
    device = door.known(door.user("eve"), None)
    assert door.known(door.user("eve"), device) == device
    assert door.known(door.user("bob"), device).id != device.id

    # When somebody else at the same address guesses as much as they may, that browser may still come in
    for _ in range(FREE_PER_NAME):
        door.begin_attempt("eve", None, "192.0.2.1")
    with pytest.raises(TooSoon):
        door.begin_attempt("eve", None, "192.0.2.1")
    door.begin_attempt("eve", device, "192.0.2.1")

    # And after another password it is a stranger's too
    users.change("eve", lambda user: msgspec.structs.replace(user, password=KEPT.replace(KEPT[-4:], "AAAA")))
    with pytest.raises(TooSoon):
        door.begin_attempt("eve", device, "192.0.2.1")
    assert door.known(door.user("eve"), device).id != device.id
    door.close()


def test_a_viewer_reads_everything_of_their_store(page_of):
    pages = {
        messages.SinceThen: page_of("vic", "acme", SincePage),
        messages.Statistics: page_of("vic", "acme", StatisticsPage),
        messages.Library: page_of("vic", "acme", Library),
    }
    board = page_of("vic", "acme")
    for kind in (messages.Open, messages.Check, messages.Preview, messages.Search, *pages):
        assert answer(pages.get(kind, board), asked(kind))["ok"], kind


def test_what_a_member_does_bears_their_name(team, page_of):
    told = answer(page_of("eve", "acme"), asked(messages.CreateTask, title="By Eve"))

    assert told["ok"]
    assert team.store("acme").events()[-1].actor == "eve"


def test_a_user_of_a_provider_is_named_by_their_subject_and_shown_by_their_address(team, tmp_path, page_of):
    # Given a user who has logged in through a provider, and another whose address is not known
    users = book(tmp_path / "users.json")
    for name, email in (("generic:7", "seven@example.com"), ("generic:8", None)):
        users.add(User(name=name, email=email, stores={"acme": "editor"}, since=BEGAN))
    door = Authenticator(team, users, SECRET)
    page = page_of("generic:7", "acme", door=door)

    # When they create a task
    task = answer(page, asked(messages.CreateTask, title="By seven"))["value"]["id"]

    # Then the event names the subject, and pages the address
    assert team.store("acme").events()[-1].actor == "generic:7"
    user = json.loads(page.first)["header"]["user"]
    assert (user["name"], user["shown"]) == ("generic:7", "seven@example.com")
    opened = answer(page, asked(messages.Open, form="task", id=task))["value"]
    assert opened["edited"]["by"] == "seven@example.com"
    since = page_of("generic:8", "acme", SincePage, door=door)
    recap = answer(since, asked(messages.SinceThen, since="2020-01-01T00:00:00+00:00"))["value"]
    assert "seven@example.com" in [card["who"] for card in recap["cards"]]
    assert json.loads(since.first)["header"]["user"]["shown"] == "generic:8"
    door.close()


def test_a_page_begins_without_a_word_of_other_stores(team, page_of):
    team.create_store("hidden", name="A hidden name")
    team.store("hidden").pause(reason="A hidden reason")
    for name, kind in (("eve", Board), ("eve", Library), ("eve", SincePage), ("eve", StatisticsPage)):
        page = page_of(name, "acme", kind)
        page._subscription.snapshot()
        news = page.permissions.fit({"type": "header", "header": page._subscription.snapshot()["header"]})
        for told in (json.loads(page.first)["header"], news["header"]):
            assert "hidden" not in json.dumps(told)
            assert "globex" not in json.dumps(told)
            assert (told["user"]["name"], told["user"]["role"], told["user"]["rules"]) == ("eve", "editor", False)
    team.archive_store("hidden")


@pytest.mark.parametrize("change", ["role", "membership", "password", "removed"])
def test_what_is_revoked_while_a_page_is_open_is_refused_from_then_on_and_no_news_come(
    team, tmp_path, page_of, monkeypatch, change
):
    # Given an open page
    users = book(tmp_path / "users.json")
    page = page_of("eve", "acme", door=Authenticator(team, users, SECRET))
    told = []
    monkeypatch.setattr(page, "_send_msg", lambda text: told.append(text) if "news" in text else None)
    page.send({"type": "news"})
    assert told == ['{"type":"news"}']

    # When something is taken from its user
    replace = msgspec.structs.replace
    if change == "removed":
        users.remove("eve")
    else:
        changes = {
            "role": {"stores": {"acme": "viewer"}},
            "membership": {"stores": {"globex": "editor"}},
            "password": {"password": KEPT.replace(KEPT[-4:], "AAAA")},
        }
        users.change("eve", lambda user: replace(user, **changes[change]))
    before = written(team)
    answered = answer(page, asked(messages.CreateTask))

    # Then its next message is refused, and it hears nothing that it may not see
    assert not answered["ok"]
    assert answered.get("login", False) is (change in ("password", "removed"))
    assert written(team) == before
    page.send({"type": "news"})
    assert len(told) == (2 if change == "role" else 1)


def test_who_logs_in_again_goes_on_with_the_open_page(door, page_of):
    page = page_of("eve", "acme", ago=sessions.IDLE + 1)
    assert answer(page, asked(messages.Sync))["login"]
    anew, other = door.new_session(door.user("eve")), door.new_session(door.user("bob"))

    assert "logged in as bob" in answer(page, asked(messages.Renew, ticket=door.ticket(other)))["error"]
    assert answer(page, asked(messages.Renew, ticket=door.signer.signed(anew)))["login"], "a session is no ticket"
    assert answer(page, asked(messages.Sync))["login"]
    assert answer(page, asked(messages.Renew, ticket=door.ticket(anew)))["ok"]
    assert answer(page, asked(messages.CreateTask))["ok"]


def test_who_logs_out_is_out_in_every_process(team, door, tmp_path):
    session = door.new_session(door.user("ada"))
    elsewhere = Authenticator(team, book(tmp_path / "users.json"), SECRET)
    text = door.signer.signed(session)
    assert elsewhere.session_of(text) == session

    door.ended.end(session)
    elsewhere.ended.look()

    assert door.session_of(text) is None
    assert elsewhere.session_of(text) is None
    last = team.sql("select name, actor, args from events where store_id = '*' order by seq desc limit 1")
    assert (last["name"][0], last["actor"][0]) == ("session.end", "ada")
    assert session.id not in str(last["args"][0])
    elsewhere.close()


def test_roles_stand_in_their_order():
    assert ROLES == ("viewer", "editor", "admin")
