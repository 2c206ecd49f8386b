"""A mistyped path or store is refused with what is there, and nothing is made; few commands create what is missing."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import wsq
from tests.cli.conftest import eventually
from tests.commands import SCRIPTS, Said, run, run_cold
from wsq.cli.opening import CREATES, WITH_STORE
from wsq.cli.parser import parser
from wsq.errors import MissingDatabase
from wsq.store.duckdb.lease import Kind, lease_on, release_lease
from wsq.store.duckdb.missing import missing
from wsq.store.schema import WorkspaceSchema

ADD = ("add", "Tick", "--prompt", "List the tasks", "--every", "1 day")
VALUES = {"--every": "1 day", "what": "contact"}


def every_command(*flags: str) -> Iterator[list[str]]:
    """The words of each command that has these flags, with whatever it cannot do without."""
    for name, each in _subcommands(parser()).items():
        below = _subcommands(each)
        for words, leaf in [([name, what], below[what]) for what in below] or [([name], each)]:
            if {*flags} <= leaf._option_string_actions.keys():
                yield [*words, *_needed(leaf)]


def _subcommands(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return next((dict(a.choices) for a in of._actions if isinstance(a, argparse._SubParsersAction)), {})


def _needed(command: argparse.ArgumentParser) -> Iterator[str]:
    for action in command._actions:
        flag = action.option_strings[-1] if action.option_strings else ""
        if action.required and action.nargs != "?":
            yield from [*([flag] if flag else []), VALUES.get(flag or action.dest, "x")]


def stores(place: Path | str = "team.duckdb") -> list[str]:
    """The ids of a workspace's stores."""
    with wsq.open(place, create=False) as ws:
        return [row.id for row in ws.stores()]


def refused(said: Said, *words: str) -> None:
    """Status 2 and one sentence that names `words`."""
    assert (said.status, said.out, len(said.err.splitlines())) == (2, "", 1), said
    assert "Traceback" not in said.err
    assert [word for word in words if word not in said.err] == [], said.err


# A path


def test_every_command_refuses_a_mistyped_path_names_the_nearest_and_makes_nothing(folder, wsq_, process_, monkeypatch):
    wsq.open("team.duckdb").close()
    there = sorted(folder.rglob("*"))
    monkeypatch.setenv("WSQ_DATABASE", "taem.duckdb")
    commands = [words for words in every_command("--database") if words[0] not in CREATES]
    assert len(commands) >= 27

    for words in commands:
        refused(wsq_(*words), f"No database at {folder}/taem.duckdb; the nearest is {folder}/team.duckdb.")
    for flags in ([], ["--dry-run"], ["--json"], ["--watch", "1"], ["--now", "2026-03-02T12:00:00Z"]):
        refused(process_(*flags), "the nearest is", "Check WSQ_DATABASE, or run `wsq init`")
    refused(wsq_("copy", "taem.duckdb", "new.duckdb"), "No database at", "the nearest is")
    refused(wsq_(*ADD, "--store", "acme"), "No database at", "the nearest is")

    assert sorted(folder.rglob("*")) == there


def test_a_line_of_cron_with_a_mistyped_path_fails_and_makes_nothing(folder):
    wsq.open("team.duckdb").close()
    there = sorted(folder.rglob("*"))

    passed = run_cold("wsq-process", "--database", folder / "taem.duckdb", env={"PATH": "/usr/bin:/bin"})

    refused(passed, f"No database at {folder}/taem.duckdb; the nearest is {folder}/team.duckdb. Check the path")
    assert sorted(folder.rglob("*")) == there


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("here/taem.duckdb", "; the nearest is here/team.duckdb."),
        ("here/Team", "; the nearest is here/team.duckdb."),
        ("here/9", "; its folder has kept, team.duckdb, x.db."),
        ("empty/team.duckdb", "; its folder has no database."),
        ("hree/team.duckdb", ", since there is no folder hree; the nearest is here/team.duckdb."),
        ("hree/other.duckdb", ", since there is no folder hree; the nearest is here."),
        ("here/x/y/z/team.duckdb", ", since there is no folder here/x."),
        ("here/team.duckdb/team.duckdb", ", since there is no folder here/team.duckdb."),
        ("lost/team.duckdb", ", but its write-ahead log lost/team.duckdb.wal exists: restore the file."),
    ],
)
def test_the_sentence_names_what_is_there(tmp_path, path, instead):
    for file in ("here/team.duckdb", "here/notes.txt", "here/x.db", "here/kept", "lost/team.duckdb.wal", "empty/a.txt"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "here/kept.wsq").mkdir()

    said = str(missing(tmp_path / path)).replace(f"{tmp_path}/", "")

    assert said == f"No database at {path}{instead}"


def test_the_sentence_names_where_the_path_comes_from(folder, wsq_, monkeypatch):
    (folder / "wsq.toml").write_text('database = "typo.duckdb"\n')

    refused(wsq_("list"), f"{folder}/team.duckdb", "Check WSQ_DATABASE, or run `wsq init` to create one.")
    refused(wsq_("list", "--database", "x.duckdb"), f"{folder}/x.duckdb", "Check the path, or")
    monkeypatch.delenv("WSQ_DATABASE")
    refused(wsq_("list"), f"{folder}/typo.duckdb", f"Check database in {folder}/wsq.toml, or")
    (folder / "wsq.toml").unlink()
    refused(wsq_("list"), "/data/wsq/wsq.duckdb, since there is no folder", "Check WSQ_DATABASE, or")


def test_a_file_that_goes_away_while_it_is_opened_is_not_made_anew(folder):
    path = folder / "team.duckdb"
    wsq.open(path).close()
    lease = lease_on(path, 1, 0o600)  # as an engine has it that has found the file
    for file in folder.glob("team.duckdb*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()

    with pytest.raises(MissingDatabase), lease.hold(Kind.READ, WorkspaceSchema(), 5.0):
        pass

    release_lease(lease)
    assert not path.exists()


def test_what_was_installed_for_a_workspace_that_is_gone_is_named_and_can_be_removed(
    folder, wsq_, tmp_path, monkeypatch
):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "crontab").write_text(
        '#!/bin/sh\n[ "$1" = -l ] && exec /bin/cat "$0.table"; exec /bin/cat > "$0.table"\n'
    )
    (programs / "crontab").chmod(0o755)
    (programs / "crontab.table").touch()
    monkeypatch.setenv("PATH", str(programs))
    wsq.open("team.duckdb").close()
    assert wsq_("schedule", "install").status == 0
    (folder / "team.duckdb").unlink()
    shutil.rmtree(folder / "team.duckdb.wsq")

    refused(wsq_("schedule", "status"), "cron still runs wsq-process for it, until `wsq schedule remove`.")
    assert wsq_("schedule", "remove").status == 0

    assert (programs / "crontab.table").read_text() == ""
    refused(wsq_("schedule", "remove"), "No database at")


# What creates it


def test_each_command_that_creates_the_database_makes_the_store_default_or_none(folder, started):
    assert sorted(CREATES) == ["add", "copy", "demo", "import", "init", "serve"]
    assert run("wsq", *ADD, "--database", "add.duckdb").status == 0
    assert run("wsq", "init", "--database", "init.duckdb").status == 0
    assert run("wsq", "export", "out.gz", "--database", "init.duckdb").status == 0
    assert run("wsq", "import", "out.gz", "--database", "import.duckdb").status == 0
    assert run("wsq", "copy", "init.duckdb", "copy.duckdb").status == 0
    wsq.open("open.duckdb").close()
    serving = started(SCRIPTS / "wsq", "serve", "--port", "0", "--database", "serve.duckdb")
    assert serving.stdout.readline().startswith("wsq is up")
    assert eventually(lambda: stores("serve.duckdb") == ["default"])
    serving.terminate()

    for name in WITH_STORE:
        assert stores(f"{name}.duckdb") == ["default"]
    assert stores("open.duckdb") == []
    assert stores("import.duckdb") == stores("copy.duckdb") == ["default"]  # those of what was copied, and no other
    assert run("wsq", *ADD, "--database", "open.duckdb").status == 0
    assert stores("open.duckdb") == ["default"]


def test_init_goes_by_wsq_database_and_may_then_run_at_every_start(folder, monkeypatch):
    monkeypatch.setenv("WSQ_DATABASE", "data/team.duckdb")

    first, second = run("wsq", "init"), run("wsq", "init")

    assert (first.status, second.status, second.err) == (0, 0, "")
    assert stores(folder / "data" / "team.duckdb") == ["default"]
    assert not (folder / "wsq.duckdb").exists()
    assert f'database = "{folder}/data/team.duckdb"' in (folder / "wsq.toml").read_text()
    refused(run("wsq", "init", "--timezone", "UTC"), "wsq.toml already exists and is not overwritten")
    monkeypatch.setenv("WSQ_DATABASE", "data/other.duckdb")
    assert run("wsq", "init").status == 0
    assert stores("data/other.duckdb") == ["default"]
    monkeypatch.delenv("WSQ_DATABASE")
    assert json.loads(run("wsq", "store", "list", "--json").out)[0]["id"] == "default"
    refused(run("wsq", "init"), "already exists")
    other = folder / "other"
    other.mkdir()
    assert run("wsq", "init", cwd=other).status == 0
    assert (other / "wsq.duckdb").exists()


def test_a_database_on_a_server_in_which_nothing_is_counts_as_missing(server, folder, monkeypatch):
    url = server.url.replace("postgres:@", "postgres:hidden@")
    monkeypatch.setenv("WSQ_DATABASE", url)

    for words in (["list"], ["doctor"], ["verify"], ["doctor", "--repair"], ["export"], ["backup", "x"]):
        refused(run("wsq", *words), "No workspace in postgresql://", "Check WSQ_DATABASE, or run `wsq init`")
    refused(run("wsq-process"), "No workspace in")
    refused(run("wsq", "copy", url, "new.duckdb"), "No workspace in")
    assert list(folder.iterdir()) == []

    made, again = run("wsq", "init"), run("wsq", "init")

    assert (made.status, again.status) == (0, 0)
    assert "hidden" not in made.out + again.out + (folder / "wsq.toml").read_text()
    assert stores(url) == ["default"]
    assert (run("wsq-process").status, run("wsq", "list", "--json").out) == (0, "[]\n")
    (folder / "wsq.toml").unlink()
    assert run("wsq", "init", "--with-key").status == 0
    assert ":hidden@" in (folder / "wsq.toml").read_text()


# A store


def test_a_mistyped_store_is_refused_with_the_nearest_and_not_made(folder, wsq_):
    with wsq.open("team.duckdb") as ws:
        contact = ws.store("acme").create_contact("Ada")
    takes_a_store = [words for words in every_command("--store") if words[0] != "add"]
    assert len(takes_a_store) >= 12

    for words in [*takes_a_store, ["forget", "contact", contact.id, "--yes"]]:
        refused(wsq_(*words, "--store", "acne"), "There is no store 'acne'; the nearest is 'acme'.")
    refused(wsq_(*ADD, "--store", "acne"), "the nearest is 'acme'. Use --create-store to create it.")
    refused(wsq_("show", "Tick"), "There is no store 'default'; there is 'acme'.")
    assert stores() == ["acme"]

    assert wsq_(*ADD).status == 0  # a store that nobody has to name is no mistake
    assert stores() == ["acme", "default"]


def test_a_store_is_made_by_create_store_and_by_store_add(folder, wsq_):
    refused(wsq_(*ADD, "--store", "a/b", "--create-store"), "'a/b'")
    assert not (folder / "team.duckdb").exists()

    assert wsq_(*ADD, "--store", "acme", "--create-store").status == 0
    assert stores() == ["acme"]
    assert wsq_(*ADD, "--store", "acme", "--create-store").status == 0  # it is there already
    words = ["beta", "--name", "Beta Ltd", "--timezone", "Europe/Berlin", "--budget", "2"]
    assert wsq_("store", "add", *words).out == "Added store 'beta', in the time zone Europe/Berlin.\n"

    refused(wsq_("store", "add", "beta"), "There is a store 'beta' already.")
    [beta] = [each for each in json.loads(wsq_("store", "list", "--json").out) if each["id"] == "beta"]
    assert (beta["id"], beta["name"], beta["budget_per_day"]) == ("beta", "Beta Ltd", 2.0)
    assert "Beta Ltd" in wsq_("store", "list").out
    assert wsq_("user", "add", "ada@example.com", "--no-password", "--store", "beta").status == 0


def test_a_store_is_renamed_put_away_and_used_again(folder, wsq_):
    assert wsq_(*ADD).status == wsq_("store", "add", "beta").status == 0

    refused(wsq_("store", "rename", "beta", " "), "name")
    assert wsq_("store", "rename", "beta", "Beta Ltd").out == "Store 'beta' is now called 'Beta Ltd'.\n"
    assert "nothing in it runs" in wsq_("store", "archive", "beta").out
    assert "Beta Ltd" not in wsq_("store", "list").out
    assert "archived" in wsq_("store", "list", "--archived").out
    assert "count as missed" in wsq_("store", "unarchive", "beta").out
    assert "Beta Ltd" in wsq_("store", "list").out

    for what in ("rename", "archive", "unarchive"):
        refused(wsq_("store", what, "btea", *(["X"] if what == "rename" else [])), "'btea'", "'beta'")
    assert stores() == ["beta", "default"]


def test_a_users_file_of_another_machine_may_name_its_stores(folder, wsq_, monkeypatch):
    words = ("user", "add", "ada@example.com", "--no-password", "--store", "acme")

    assert wsq_(*words, "--users", "theirs.json").status == 0
    monkeypatch.setenv("WSQ_USERS", "ours.json")
    assert wsq_(*words).status == 0  # before the first start, such as in a container
    wsq.open("team.duckdb").close()
    refused(wsq_(*words), "There is no store 'acme'.")
