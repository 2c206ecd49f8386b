"""A setting that cannot be understood: one sentence that names it, its value and what was expected."""

from __future__ import annotations

import pytest

from tests.commands import side_by_side
from tests.faults.commands import DUE, at, command, ledger, process, refused

BAD = {
    "WSQ_DATABASE": ("mysql://host/db", "a path to a DuckDB file"),
    "WSQ_STORES": ("acme, um brella", "store ids"),
    "WSQ_TIMEZONE": ("Mars/Olympus", "IANA time zone"),
    "WSQ_MODEL": ("two words", "the id of a model"),
    "WSQ_MAX_CONCURRENCY": ("sixteen", "a whole number from 1 to 1000"),
    "ANTHROPIC_BASE_URL": ("api.anthropic.com", "a URL such as"),
}


@pytest.mark.parametrize("variable", BAD)
def test_a_variable_that_cannot_be_understood_is_named_and_no_slot_is_spent(team, monkeypatch, variable):
    before = ledger(team)
    value, expected = BAD[variable]
    monkeypatch.setenv(variable, value)

    refused(at(DUE), variable, repr(value), expected)

    assert ledger(team) == before


def test_a_key_that_cannot_be_one_is_refused_without_being_shown(team, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant geheim")

    said = at(DUE)

    refused(said, "ANTHROPIC_API_KEY", "(not shown)")
    assert "geheim" not in said.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"database = ", ("cannot be understood, expected TOML",)),
        (b"\xff\xfe", ("cannot be understood, expected TOML",)),
        (b"databse = 'team.duckdb'", ("has the key 'databse'", "expected only database")),
        (b"max_concurrency = 0", ("max_concurrency is 0", "from 1 to 1000")),
        (b"timezone = 7", ("timezone is 7", "IANA")),
    ],
    ids=["cut short", "not text", "unknown key", "out of range", "another type"],
)
def test_a_wsq_toml_that_cannot_be_understood_is_named(team, folder, monkeypatch, text, words):
    monkeypatch.delenv("WSQ_TIMEZONE")
    (folder / "wsq.toml").write_bytes(text)
    before = ledger(team)

    refused(at(DUE), str(folder / "wsq.toml"), *words)

    assert ledger(team) == before


def test_a_wsq_toml_that_is_a_folder_is_refused(team, folder):
    (folder / "wsq.toml").mkdir()

    refused(at(DUE), str(folder / "wsq.toml"), "cannot be read")
    refused(command("list"), str(folder / "wsq.toml"), "cannot be read")


@pytest.mark.parametrize(
    ("flag", "value"), [("--max-concurrency", "0"), ("--stores", "a b"), ("--database", ""), ("--database", ":memory:")]
)
def test_a_flag_of_wsq_process_is_named_as_it_was_typed(folder, flag, value):
    refused(process(flag, value), f"{flag} is {value!r}, expected")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("list", "--database", "mysql://host/db"), ("init", "--timezone", "Mars"), ("init", "--model", "a b")]
)
def test_a_flag_of_wsq_is_named_as_it_was_typed(folder, arguments):
    _, flag, value = arguments

    refused(command(*arguments), f"{flag} is {value!r}, expected")
    assert list(folder.iterdir()) == []


AT_A_DATABASE = [
    ("list",), ("add", "A", "--prompt", "B", "--every", "1 day"), ("run", "A"), ("history", "A"), ("sql", "SELECT 1"),
    ("verify",), ("rebuild",), ("doctor",), ("serve",), ("demo",), ("init",), ("schedule", "install"), ("since",),
    ("backup", "copy.duckdb"), ("export", "copy.gz"), ("import", "copy.gz"), ("user", "list"),
]  # fmt: skip


@pytest.mark.parametrize("url", ["postgresql:/ada:geheim@db/team", "md:team"])
def test_a_url_in_the_place_of_a_path_is_refused_by_every_command_and_makes_nothing(folder, team, url):
    before, there = ledger(team), {path.name for path in folder.iterdir()}
    shown = url.replace("geheim", "***")

    for words in (*AT_A_DATABASE, ("backup", url), ("export", url), ("import", url), ("copy", url, "new.duckdb")):
        said = command(*words, *(() if url in words else ("--database", url)))
        refused(said, f"is {shown!r}, expected ")
    refused(command("copy", team, url), f"database is {shown!r}, expected ")
    refused(process("--database", url), f"--database is {shown!r}, expected ")

    assert {path.name for path in folder.iterdir()} == {*there, "team.duckdb.wsq"}  # of what was to be copied
    assert ledger(team) == before


def test_a_path_that_is_no_text_is_refused(folder):
    refused(process("--database", b"t\xff.duckdb"), "--database", "UTF-8")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("now", ["2026-03-02T12:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "soon"])
def test_a_naive_or_impossible_now_is_refused(team, now):
    before = ledger(team)

    refused(process("--now", now), f"--now is {now!r}", "with its offset, from 1970 to 2199")

    assert ledger(team) == before


def test_an_unknown_store_or_id_is_refused_with_the_nearest_and_no_slot_is_spent(team):
    before = ledger(team)

    passed, listed, *others = side_by_side(
        lambda: at(DUE, "--stores", "acme,umbrela"),
        lambda: command("list", "--store", "acne"),
        lambda: command("run", "Tick 2", "--store", "acme"),
        lambda: command("delete", "Tick 2", "--store", "acme"),
    )

    refused(passed, "no store 'umbrela'", "'umbrella'")
    refused(listed, "no store 'acne'", "'acme'")
    for said in others:
        refused(said, "'Tick 2'", "(Tick 1)")

    assert ledger(team) == before
