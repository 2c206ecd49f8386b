"""What an idle pass costs, as a whole process."""

from __future__ import annotations

import compileall
import subprocess
import sys
from pathlib import Path

import wsq
from tests.benchmarks.measure import Figure, folder, in_turn, run_python, seconds
from wsq.commands.recurring import create_recurring_task
from wsq.store.transaction import Transaction

_PEAK = """
import sys
from wsq.cli.process import main
assert main(["--database", sys.argv[1]]) == 0
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def idle(rounds: int) -> list[Figure]:
    """`wsq-process` with nothing to do, over few and over many recurring tasks."""
    compileall.compile_dir(Path(wsq.__file__).parent, quiet=1)  # as an installed package is
    with folder() as place:
        few, usual, many = (place / f"{n}.duckdb" for n in (100, 10_000, 100_000))
        fill(few, stores=10, tasks_each=10)
        fill(usual, stores=1_000, tasks_each=10)
        fill(many, stores=1_000, tasks_each=100)
        bare, on_few, on_usual, on_many = in_turn(
            2 * rounds + 1,
            lambda: run_python("-c", "import duckdb"),
            lambda: seconds(lambda: one_pass(few)),
            lambda: seconds(lambda: one_pass(usual)),
            lambda: seconds(lambda: one_pass(many)),
        )
        peak = int(
            subprocess.run(
                [sys.executable, "-c", _PEAK, str(usual)], capture_output=True, text=True, check=True
            ).stdout.split()[-1]
        )
    return [
        Figure(
            "idle `wsq-process` over 10,000 recurring tasks in 1,000 stores, whole process",
            "≤ 1.4 × `import duckdb`",
            f"{on_usual / bare:.2f} × ({on_usual * 1000:.0f} ms)",
            on_usual <= 1.4 * bare,
        ),
        Figure("its peak memory (`VmHWM`)", "≤ 90 MiB", f"{peak / 1024:.0f} MiB", peak <= 90 * 1024),
        Figure(
            "the same over 100,000 recurring tasks",
            "≤ 1.15 × over 100",
            f"{on_many / on_few:.2f} ×",
            on_many <= 1.15 * on_few,
        ),
    ]


def one_pass(database: Path) -> None:
    """The real command."""
    command = [sys.executable, "-m", "wsq.cli.process", "--database", str(database)]
    subprocess.run(command, check=True, capture_output=True)


def fill(database: Path, *, stores: int, tasks_each: int) -> None:
    """Recurring tasks that are not due for a long time."""
    with wsq.open(database) as ws:
        for first in range(0, stores, 50):

            def make(tx: Transaction, first: int = first) -> None:
                for store in range(first, min(first + 50, stores)):
                    for n in range(tasks_each):
                        create_recurring_task(tx, f"store-{store}", f"Task {n}", "List the tasks", every="300 days")

            ws._log.write(make)
