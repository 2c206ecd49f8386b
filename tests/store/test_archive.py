"""A workspace in a file: the same bytes for the same workspace, all of it back, and a change anywhere is seen."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsq
from tests.conftest import NOON
from tests.domain.worlds import PaidProvider, for_ever
from tests.store.crew import Counters, finish, start, write_on
from tests.store.test_rebuild import lived
from wsq.agent.providers import ScriptedProvider
from wsq.agent.providers import finish as finished
from wsq.cli.main import main
from wsq.clock import ManualClock
from wsq.store import archive
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.log import stored_world

CREATE = "Create a task called 'Ping'"


def exported(ws: wsq.Workspace) -> bytes:
    """The workspace as a file's bytes."""
    into = io.BytesIO()
    ws.export(into)
    return into.getvalue()


def unpacked(content: bytes) -> list[bytes]:
    """The lines of a file."""
    return gzip.decompress(content).splitlines(keepends=True)


def chained(lines: list[dict[str, object]]) -> bytes:
    """A file of these lines whose chain holds, as somebody who forges one would make it."""
    before, made = hashlib.sha256(b"").hexdigest(), []
    for line in lines:
        content = json.dumps({"before": before, **line}, separators=(",", ":"), ensure_ascii=False).encode()
        before = hashlib.sha256(content).hexdigest()
        made.append(content)
    return gzip.compress(b"\n".join(made) + b"\n")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small workspace as a file: some facts, an execution with its conversation, a dry run."""
    place, agent = tmp_path_factory.mktemp("packed") / "w.duckdb", PaidProvider([finished()])
    with wsq.open(place, clock=ManualClock(NOON), actor="ada", provider=agent) as ws:
        store = ws.store("acme")
        store.create_document("Terms", 'Quotes " and \\ and\nlines, 日本語')
        store.run_now(store.create_recurring_task("Ping", CREATE, every="1 hour").id)
        store.dry_run(CREATE)
        return exported(ws)


@pytest.fixture
def refusal(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """Says why a file is not brought in, after a look that nothing was; all are offered to one workspace."""

    def offer(content: bytes) -> str:
        (tmp_path / "broken.gz").write_bytes(content)
        with pytest.raises(wsq.WsqError) as refused:
            ws.import_from(tmp_path / "broken.gz")
        assert not list(archive.records(ws._engine))
        return str(refused.value)

    with wsq.open(tmp_path / "new.duckdb") as ws:
        yield offer
        assert ws.verify() == []


def test_a_workspace_comes_back_whole_and_gives_the_same_bytes_again(tmp_path):
    # Given a workspace with some history, and its file
    ws, clock = lived(tmp_path, 6, 22)
    with ws:
        gamma = ws.store("gamma")
        gamma.create_recurring_task("Slots", "Look.", every="5 minutes")
        ws.resume()
        clock.advance(timedelta(hours=1))
        ws.process()
        content, world, log = exported(ws), ws._log.read(stored_world), ws.sql("FROM events ORDER BY ALL")
        claims = ws.sql("SELECT count(*) AS n FROM processed_task_executions").n[0]
        assert exported(ws) == content
    (tmp_path / "w.gz").write_bytes(content)

    # When it is brought into a new one
    with wsq.open(tmp_path / "back.duckdb") as back:
        counts = back.import_from(tmp_path / "w.gz")

        # Then it is the same to the byte, and goes on
        assert exported(back) == content
        assert back._log.read(stored_world) == world
        assert back.sql("FROM events ORDER BY ALL").equals(log)
        assert back.verify() == []
        assert (counts.events, claims > 0, counts.bodies > 0) == (len(log), True, True)
        with wsq.open(tmp_path / "6.duckdb") as origin:
            assert archive.first_difference(archive.records(origin._engine), archive.records(back._engine)) is None
        assert back.store("acme").create_task("After").status == "todo"
        assert back.verify() == []


def test_a_file_can_be_read_without_wsq(packed):
    before, seen, hashes = hashlib.sha256(b"").hexdigest(), Counter(), set()
    for line in unpacked(packed):
        record = json.loads(line)
        assert record["before"] == before
        before = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
        seen[record["kind"]] += 1
        if record["kind"] == "body":
            body = base64.b64decode(record["base64"]) if "base64" in record else record["text"].encode()
            assert record["hash"] == hashlib.blake2b(body, digest_size=16).hexdigest()
            hashes.add(record["hash"])
        elif record["kind"] == "event" and record["name"] == "task_execution.start":
            told = json.loads(record["args"])

    assert {told["system"], told["tools"], told["first_message"]} <= hashes
    assert (seen["header"], seen["end"], seen["dry_run"]) == (1, 1, 1)
    assert (record["events"], record["bodies"]) == (seen["event"], seen["body"])


def test_a_file_of_an_earlier_version_has_dry_runs_without_marks_and_reservations(packed, tmp_path):
    lines = [json.loads(line) for line in unpacked(packed)]
    for line in lines:
        line.pop("before")
        if line["kind"] == "dry_run":
            for later in ("cost_estimated", "reserved_usd", "reserved_until"):
                del line[later]
    lines[0]["schema"] = 4
    (tmp_path / "old.gz").write_bytes(chained(lines))

    with wsq.open(tmp_path / "new.duckdb", clock=ManualClock(NOON)) as ws:
        ws.import_from(tmp_path / "old.gz")
        assert ws.sql("SELECT cost_estimated, reserved_usd, reserved_until IS NULL FROM dry_runs").values.tolist() == [
            [False, 0, True]
        ]
        assert ws.store("acme").spending().spent == 0.5
        assert ws.verify() == []


def test_a_file_that_was_cut_anywhere_is_refused_and_nothing_of_it_stays(packed, refusal):
    lines = unpacked(packed)
    assert "truncated" in refusal(packed[: len(packed) // 2])
    assert f"end is missing after line {len(lines) - 1}" in refusal(gzip.compress(b"".join(lines[:-1])))
    assert f"truncated in line {len(lines)}" in refusal(gzip.compress(b"".join(lines)[:-1]))
    assert "not a file of `wsq export`" in refusal(b"")
    assert "not a file of `wsq export`" in refusal(b"PK\3\4 something else")
    assert "not a file of `wsq export`" in refusal(gzip.compress(b'{"a": 1}\n'))


def test_a_line_that_was_edited_moved_taken_out_or_added_is_named(packed, refusal):
    lines = unpacked(packed)
    edited = [line.replace(b"Pin", b"Pon") if n == 4 else line for n, line in enumerate(lines)]
    assert edited != lines
    assert "line 5 or 6" in refusal(gzip.compress(b"".join(edited)))
    assert "line 2 or 3" in refusal(gzip.compress(b"".join([lines[0], lines[1], lines[3], *lines[2:]])))
    assert "line 3 or 4" in refusal(gzip.compress(b"".join([*lines[:3], *lines[4:]])))
    assert f"line {len(lines) + 1}: there is data after" in refusal(packed + gzip.compress(b"more\n"))


@settings(max_examples=40)
@given(data=st.data())
def test_no_byte_of_a_file_can_be_another_unseen(packed, data):
    content = gzip.decompress(packed)
    place, other = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 255))
    changed = content[:place] + bytes([other]) + content[place + 1 :]

    def outcome() -> object:
        return list(archive.read(io.BytesIO(gzip.compress(changed, 1)), "w.gz"))

    if changed == content:
        assert outcome()
    else:
        with pytest.raises((wsq.BrokenArchive, wsq.NewerWorkspace)):
            outcome()


def test_a_forged_chain_does_not_bring_in_what_cannot_be(packed, refusal):
    records = [json.loads(line) for line in unpacked(packed)]
    for record in records:
        del record["before"]
    assert list(archive.read(io.BytesIO(chained(records)), "w.gz")), "the forger's chain holds"
    at = {kind: next(n for n, r in enumerate(records) if r["kind"] == kind) for kind in ("event", "body")}

    def forged(place: int, **other: object) -> str:
        changed = [{**record, **other} if n == place else record for n, record in enumerate(records)]
        return refusal(chained(changed))

    assert "where 1 was expected" in forged(at["event"], seq=7)
    assert "does not match its hash" in forged(at["body"], text="other")
    assert "does not know" in forged(at["event"], name="task.teleport")
    assert "newer wsq (its format is 99" in forged(0, format=99, more="than is known")
    assert "newer wsq (its schema is 99" in forged(0, schema=99)
    assert "counts do not match" in forged(len(records) - 1, events=1)
    for field, other in (("seq", "one"), ("seq", 2**70), ("recorded_at", "2026-03-02T12:00:00"), ("more", 1)):
        assert "cannot be read" in forged(at["event"], **{field: other})


def test_nothing_is_put_over_a_workspace_that_holds_something(packed, acme, tmp_path):
    acme.create_task("Precious")
    (tmp_path / "w.gz").write_bytes(packed)

    with pytest.raises(wsq.InvalidInput, match="already holds a workspace"):
        acme.workspace.import_from(tmp_path / "w.gz")

    assert [task.title for task in acme.tasks()] == ["Precious"]
    with pytest.raises(wsq.InvalidInput, match="not overwritten"):
        acme.workspace.export(tmp_path / "w.gz")
    assert (tmp_path / "w.gz").read_bytes() == packed


@pytest.mark.parametrize("wrong", [None, 5, object()])
def test_what_is_neither_a_path_nor_a_stream_is_refused(ws, wrong):
    with pytest.raises(wsq.errors.SettingError, match=r"^path is .+, expected a path to a file"):
        ws.export(wrong)


def test_a_running_execution_is_taken_over_where_it_was_restored_and_no_slot_runs_twice(
    open_workspace, clock, tmp_path
):
    # Given an execution that a scheduler has begun for a slot, in a workspace that is exported meanwhile
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    task = ws.store("acme").create_recurring_task("Look", "Look.", every="1 hour")
    clock.advance(timedelta(hours=1))
    ws.begin_pass()
    while not (begun := ws.store("acme").executions(task.id)):
        time.sleep(0.01)
    ws.export(tmp_path / "w.gz")
    ws.close()

    # When passes are made where it was restored
    with wsq.open(tmp_path / "back.duckdb", clock=clock, provider=ScriptedProvider([finished()])) as back:
        back.import_from(tmp_path / "w.gz")
        held = back.process()
        clock.advance(timedelta(minutes=2))
        taken = back.process()

        # Then nothing happens while its lease stands; then it is gone on with, and its slot is not begun anew
        assert (held.due, held.resumed, taken.resumed, taken.due) == (0, 0, 1, 0)
        (execution,) = back.store("acme").executions(task.id)
        assert (execution.id, execution.status, execution.takeovers) == (begun[0].id, "completed", 1)
        assert not back.unsettled()


def test_a_backup_taken_while_others_write_opens_and_is_whole(engine, path, tmp_path):
    # Given two processes that write as fast as they can
    go = tmp_path / "go"
    writers = [start(write_on, path, go, tmp_path / f"report{n}") for n in range(2)]
    go.touch()

    # When backups are taken meanwhile
    counts = []
    while len(set(counts)) < 5:
        target = tmp_path / f"{len(counts)}.duckdb"
        engine.backup(target)
        copy = EmbeddedEngine(target, Counters())
        with copy.read() as cursor:
            counts.append(cursor.query("SELECT n FROM counters")[0][0])
        copy.close()
    go.unlink()
    finish(*writers)

    # Then each opened, and held what was written up to then
    assert counts == sorted(counts)


# To a server and back


def test_a_workspace_goes_to_a_server_and_back_and_is_the_same_to_the_byte(tmp_path, server, folder, capsys):
    # Given a workspace on a file, with some history
    ws, _ = lived(tmp_path, 11, 35)
    with ws:
        content, world = exported(ws), ws._log.read(stored_world)
    here, back = str(tmp_path / "11.duckdb"), str(tmp_path / "back.duckdb")

    # When it is copied to a server, and from there to another file
    for source, target in ((here, server.url), (server.url, back)):
        assert main(["copy", source, target]) == 0
        said = capsys.readouterr().out
        assert "all of them match" in said
        assert said.count("\n") == 2

    # Then all three are the same, and each is whole
    for place in (server.url, back):
        with wsq.open(place, clock=ManualClock(NOON)) as copy:
            assert exported(copy) == content
            assert copy._log.read(stored_world) == world
            assert copy.verify() == []
            assert copy.unsettled() == []
            before = copy._log.read(stored_world)
            copy.rebuild()
            assert copy._log.read(stored_world) == before

    # And nothing is put over what is there, on either
    for source, target in ((here, server.url), (server.url, back), (server.url, server.url)):
        assert main(["copy", source, target]) == 2
        assert "already holds a workspace" in capsys.readouterr().err
    assert main(["copy", str(tmp_path / "none.duckdb"), server.url]) == 2
    assert "No database at" in capsys.readouterr().err
    with wsq.open(server.url) as there:
        assert exported(there) == content
        there.store("acme").create_task("After")
        assert there.verify() == []


def test_an_export_of_a_server_is_imported_to_a_server(tmp_path, server):
    ws, _ = lived(tmp_path, 5, 30)
    with ws:
        content = exported(ws)
    (tmp_path / "w.gz").write_bytes(content)
    with wsq.open(server.url) as there:
        there.import_from(tmp_path / "w.gz")
        assert exported(there) == content
        assert there.verify() == []
