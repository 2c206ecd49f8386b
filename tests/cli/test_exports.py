"""Exports, imports and backups by their commands: what is killed, what could not be imported, what is made to harm."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wsq
from tests.commands import Forked, main_of, run_cold
from tests.faults.commands import assert_a_sentence, by_hand, command, refused
from tests.store import crew
from wsq.cli.main import main
from wsq.rules.nesting import MOST_LEVELS, is_too_deep
from wsq.store import archive
from wsq.store.folders import unfinished

UNKNOWN = "UPDATE events SET name = 'task.teleport' WHERE seq = 2"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that takes a while to be exported."""
    path = tmp_path_factory.mktemp("large") / "large.duckdb"
    chance = random.Random(1)
    with wsq.open(path) as ws:
        ws.store("acme").together(
            lambda acme: [acme.create_document(f"D{n}", chance.randbytes(450_000).hex()) for n in range(4)]
        )
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a document."""
    path = tmp_path_factory.mktemp("small") / "team.duckdb"
    with wsq.open(path) as ws:
        ws.store("acme").create_document("Terms", "To the letter")
    by_hand(path, "CHECKPOINT")
    return path


@pytest.fixture
def team(small: Path, folder: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(small, folder))


def chained(*lines: dict[str, object] | bytes) -> bytes:
    """A file with these lines whose chain of hashes holds; a line in bytes is one without its first brace."""
    before, made = hashlib.sha256(b"").hexdigest(), []
    for line in lines:
        rest = line if isinstance(line, bytes) else json.dumps(line, separators=(",", ":")).encode()[1:]
        made.append(f'{{"before":"{before}",'.encode() + rest)
        before = hashlib.sha256(made[-1]).hexdigest()
    return gzip.compress(b"\n".join(made) + b"\n", 1)


def left_over(folder: Path) -> list[str]:
    """What stands in a folder, but for what a workspace is."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("large.duckdb"))


def interrupted(work: Callable[[], int | None], folder: Path, number: int) -> int | None:
    """Send a signal to a command as soon as it has begun to write in a folder; returns its exit status."""
    process = Forked(work)
    while process.is_alive() and not any(file.stat().st_size for file in folder.glob(".wsq-*/*") if file.exists()):
        time.sleep(0.0005)
    os.kill(process.pid, number)
    return process.ended().status


@pytest.mark.parametrize("name", ["export", "backup"])
def test_what_a_killed_command_leaves_is_removed_by_the_next_one(large, tmp_path, name):
    work = main_of("wsq", name, tmp_path / "copy", "--database", large)
    for _ in range(5):
        if interrupted(work, tmp_path, signal.SIGKILL) == -signal.SIGKILL:
            break
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".wsq-")
    assert left.stat().st_mode & 0o777 == 0o700

    assert command(name, tmp_path / "other", "--database", large).status == 0

    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_command_that_is_told_to_stop_leaves_nothing(large, tmp_path):
    work = main_of("wsq", "export", tmp_path / "copy", "--database", large)

    assert interrupted(work, tmp_path, signal.SIGTERM) == 128 + signal.SIGTERM

    assert list(tmp_path.iterdir()) == []


def test_what_others_are_writing_is_left_alone(tmp_path, team):
    process = crew.start(hold_unfinished, tmp_path)
    crew.wait_for(tmp_path / "flag")

    assert command("backup", tmp_path / "copy.duckdb", "--database", team).status == 0
    assert len(list(tmp_path.glob(".wsq-*/half"))) == 1

    crew.kill(process)
    assert command("export", tmp_path / "copy.gz", "--database", team).status == 0
    assert not list(tmp_path.glob(".wsq-*"))


def hold_unfinished(folder: Path) -> None:
    """Have begun to write a file."""
    with unfinished(folder) as private:
        (private / "half").write_text("half")
        (folder / "flag").touch()
        time.sleep(60)


# What could not be imported again


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (UNKNOWN, "Store 'acme', event 2: The log holds an event 'task.teleport'"),
        ("UPDATE events SET args = '{}' WHERE seq = 2", "Store 'acme', event 2: The log's event 'document.create'"),
        ("DELETE FROM events WHERE seq = 1", "has an event 2 where 1 was expected"),
        ("INSERT INTO bodies VALUES ('h', '\\x00\\x01')", "body 'h' does not match its hash"),
        (
            "INSERT INTO dry_runs VALUES ('d', 'acme', NULL, NULL, now(), 1, -5, 0, 0, 0, false, 0, NULL)",
            "could not be read again: Expected `int` >= 0 - at `$.input_tokens`",
        ),
    ],
    ids=["an unknown event", "a damaged event", "a missing event", "a damaged body", "a negative count"],
)
def test_an_export_that_an_import_would_refuse_is_named(team, folder, statement, named):
    by_hand(team, statement)
    with wsq.open(team) as ws:
        with pytest.raises(wsq.BrokenArchive) as refused:
            ws.export(folder / "team.gz")
        assert named in str(refused.value)
        assert not (folder / "team.gz").exists()

        ws.export(folder / "team.gz", anyway=True)

    assert named in json.loads(gzip.decompress((folder / "team.gz").read_bytes()).splitlines()[0])["flaw"]
    with pytest.raises(wsq.BrokenArchive, match="marked as exported with --anyway"):
        archive.validate_file(folder / "team.gz")


def test_such_an_export_is_written_only_if_asked_for(team, folder):
    by_hand(team, UNKNOWN)
    named = "Store 'acme', event 2: The log holds an event 'task.teleport'"

    said = command("export", "team.gz")
    assert (said.status, said.out) == (1, "")
    assert_a_sentence(said.err, "`wsq import` would refuse this export", named, "--anyway")
    assert not (folder / "team.gz").exists()

    said = command("export", "team.gz", "--anyway")
    assert said.status == 0
    assert "Wrote 2 events" in said.out
    assert_a_sentence(said.err, "would refuse team.gz", named)
    refused(command("import", "team.gz", "--database", "new.duckdb"), "marked as exported with --anyway")
    assert not (folder / "new.duckdb").exists()


def test_such_an_export_to_standard_output_is_left_incomplete(team, folder):
    by_hand(team, UNKNOWN)

    with (folder / "out.gz").open("wb") as out:
        said = run_cold("wsq", "export", stdout=out, stderr=subprocess.PIPE, capture_output=False)

    assert said.status == 1
    assert_a_sentence(said.err, "would refuse this export")
    refused(command("import", "out.gz", "--database", "new.duckdb"), "truncated")


def test_a_sound_export_is_the_same_with_anyway_and_a_marked_one_is_imported_where_nothing_is_wrong(team, folder):
    assert command("export", "one.gz").status == command("export", "two.gz", "--anyway").status == 0
    assert (folder / "one.gz").read_bytes() == (folder / "two.gz").read_bytes()

    lines = [json.loads(line) for line in gzip.decompress((folder / "one.gz").read_bytes()).splitlines()]
    for line in lines:
        del line["before"]
    (folder / "marked.gz").write_bytes(chained(lines[0] | {"flaw": "An earlier version did not know it."}, *lines[1:]))
    assert command("import", "marked.gz", "--database", "new.duckdb").status == 0


# What is made to harm

HEADER = {"kind": "header", "format": 1, "wsq": "0.1.0", "schema": 6}


def event(args: str, **other: object) -> dict[str, object]:
    """An event of a file."""
    return {
        "kind": "event", "store_id": "acme", "seq": 1, "event_id": "e", "name": "store.create", "version": 1,
        "args": args, "actor": "a", "cause": None, "recorded_at": "2026-01-01T00:00:00Z", **other,
    }  # fmt: skip


def nested(levels: int) -> str:
    """Arrays in arrays."""
    return "[" * levels + "]" * levels


def contact(seq: int) -> dict[str, object]:
    """A contact is made, whose address no other may have."""
    args = {"contact_id": f"c{seq}", "name": "A", "email": "a@b.de", "email_folded": "a@b.de", "notes": ""}
    return event(json.dumps({**args, "project_ids": []}), seq=seq, event_id=f"e{seq}", name="contact.create")


END = {"kind": "end", "events": 3, "bodies": 0, "leases": 0, "dry_runs": 0}
STORE = '{"name":"Acme","timezone":"UTC"}'
DEEP = nested(100_000)
HARMFUL = {
    "a deep header": (chained(f'"kind":"header","x":{DEEP}}}'.encode()), "not a file of `wsq export`"),
    "a deep line": (chained(HEADER, f'"kind":"event","store_id":{DEEP}}}'.encode()), "line 2 cannot be read"),
    "a deep line of a kind that comes late": (
        chained(HEADER, f'"x":{DEEP},"kind":"event"}}'.encode()),
        "line 2 cannot",
    ),
    "deep facts": (chained(HEADER, event(f'{{"name":{DEEP}}}')), "event 1 is nested deeper than 200 levels"),
    "deep facts that are not read": (
        chained(HEADER, event(f'{{"name":"Acme","timezone":"UTC","x":{nested(200)}}}')),
        "event 1 is nested deeper than 200 levels",
    ),
    "a deep text": (
        chained(
            HEADER, {"kind": "body", "hash": hashlib.blake2b(DEEP.encode(), digest_size=16).hexdigest(), "text": DEEP}
        ),
        "is nested deeper than 200 levels",
    ),
    "a store whose id is none": (chained(HEADER, event(STORE, store_id="../x")), "expected 1 to 64 characters of A-Z"),
    "events that do not fit together": (
        chained(HEADER, event(STORE), contact(2), contact(3), END),
        "The events do not fit together: A row with this key already exists",
    ),
}


@pytest.mark.parametrize(("content", "named"), HARMFUL.values(), ids=HARMFUL)
def test_a_file_that_is_made_to_harm_is_refused_in_a_sentence(folder, capsys, content, named):
    (folder / "harm.gz").write_bytes(content)

    assert main(["import", "harm.gz", "--database", "new.duckdb"]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert_a_sentence(said.err, named)


def test_a_file_may_unpack_to_so_many_bytes_and_not_more(team, folder):
    assert command("export", "team.gz").status == 0
    size = len(gzip.decompress((folder / "team.gz").read_bytes()))

    with wsq.open(folder / "new.duckdb") as new:
        for least in (1, size - 1):
            with pytest.raises(wsq.InvalidInput, match=r"team\.gz unpacks to more than .* GB.*--max-size\.$"):
                new.import_from(folder / "team.gz", max_bytes=least)
        assert new.import_from(folder / "team.gz", max_bytes=size).events == 2
        assert new.verify() == []

    refused(command("import", "team.gz", "--max-size", "0", "--database", "other.duckdb"), "--max-size")
    refused(command("import", "none.gz", "--database", "other.duckdb"), "none.gz cannot be read")
    assert command("import", "team.gz", "--max-size", "1", "--database", "other.duckdb").status == 0


TEXTS = st.text('a"\\[]{}', max_size=4)


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8))
def test_the_levels_of_json_are_counted_whatever_stands_in_its_texts(value):
    def levels(part: object) -> int:
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else None
        return 0 if inside is None else 1 + max(map(levels, inside), default=0)

    text = json.dumps(value, ensure_ascii=False).encode()
    assert not is_too_deep(text, levels(value))
    assert levels(value) == 0 or is_too_deep(text, levels(value) - 1)


def test_deep_json_is_found_out_in_the_time_that_it_takes_to_read_it():
    many = 200_000
    began = time.process_time()
    assert is_too_deep(b"[" * many)
    assert not is_too_deep(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS)
    assert not is_too_deep(b"[]" * many)
    assert not is_too_deep(b'"\\"' * many + b"[" * 201)
    assert time.process_time() - began < 2
