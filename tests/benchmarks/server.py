"""What a workspace on a PostgreSQL server takes, against psycopg that writes the same rows by hand."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime

import psycopg

import wsq
from tests.benchmarks.measure import Figure, folder, in_turn, seconds
from tests.servers import postgres_at
from wsq.events.boards import TaskCreated

PROCESSES = 8
SECONDS = 4.0
AT_ONCE, BATCHES = 1_000, 10


def throughput(rounds: int) -> list[Figure]:
    """Commands one by one from many processes, each on a store of its own, and events in batches from one."""
    with folder() as place, postgres_at(place / "data", safe=True) as server:
        with wsq.open(server.url) as ws:
            for n in range(PROCESSES):
                ws.store(f"store-{n}").create_task("first")
            batches = appended(ws)
        ours, bare = in_turn(rounds, lambda: together("ours", server.url), lambda: together("bare", server.url))
    return [
        Figure(
            f"single commands on PostgreSQL from {PROCESSES} processes",
            "≥ 0.5 × the same rows with plain psycopg",
            f"{ours / bare:.2f} × ({ours:,.0f} a second)",
            ours >= 0.5 * bare,
        ),
        Figure(
            f"events appended on PostgreSQL in batches of {AT_ONCE:,}",
            "≥ 5,000 a second",
            f"{batches:,.0f}",
            batches >= 5_000,
        ),
    ]


def appended(ws: wsq.Workspace) -> float:
    """Events a second, their rows with them."""

    def batch(number: int) -> None:
        def decide(tx: object) -> None:
            for n in range(AT_ONCE):
                name = tx.new_id()  # as every command does: nothing has it yet, and so nothing is looked for
                tx.record(
                    "store-0",
                    TaskCreated(
                        task_id=name,
                        title=name,
                        description="",
                        status="todo",
                        rank=f"a{number:04}{n:04}",
                        assignees=(),
                    ),
                )

        ws._log.write(decide)

    return AT_ONCE / statistics.median(seconds(lambda n=n: batch(n)) for n in range(BATCHES))


def together(side: str, url: str) -> float:
    """Commands a second of all processes, over the time in which all of them were at work."""
    command = [sys.executable, "-m", "tests.benchmarks.server", side, url]
    workers = [
        subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(PROCESSES)
    ]
    for each in workers:
        each.stdout.readline()  # it is ready
    for each in workers:
        each.stdin.write("\n")
        each.stdin.flush()
    return sum(int(each.communicate(timeout=60)[0]) for each in workers) / SECONDS


def main(side: str, url: str, number: str) -> None:
    """Be one of the processes: say when ready, begin when told, and tell how many commands it were."""
    store = f"store-{number}"
    if side == "ours":
        with wsq.open(url) as ws:
            board = ws.store(store)
            board.create_task("Ready")
            told(lambda n: board.create_task(f"Task {n}"))
    else:
        with psycopg.connect(url, options="-c search_path=wsq") as connection:
            told(Bare(connection, store).write)


def told(write: object) -> None:
    """Go on for so many seconds."""
    print("ready", flush=True)
    sys.stdin.readline()
    end, n = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        write(n)
        n += 1
    print(n)


class Bare:
    """The event, the task and the head that a command writes, in one transaction."""

    def __init__(self, connection: psycopg.Connection, store: str) -> None:
        self.connection, self.store = connection, store
        self.row = connection.execute("SELECT * FROM tasks WHERE store_id = %s LIMIT 1", [store]).fetchone()
        connection.commit()
        marks = ", ".join(["%s"] * len(self.row))
        self.tasks = f"INSERT INTO tasks VALUES ({marks})"
        self.unique = time.monotonic_ns()

    def write(self, n: int) -> None:
        """One command."""
        run, now, name = self.connection.execute, datetime.now(UTC), f"{self.unique}-{n}"
        [(seq,)] = run("UPDATE heads SET seq = seq + 1 WHERE store_id = %s RETURNING seq", [self.store]).fetchall()
        run(
            "INSERT INTO events VALUES (%s, %s, %s, 'task.create', 1, %s, 'ada', NULL, %s)",
            [self.store, seq, name, f'{{"task_id":"{name}","title":"Task {n}","status":"todo","rank":"a0"}}', now],
        )
        run(self.tasks, [name, *self.row[1:]])
        self.connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
