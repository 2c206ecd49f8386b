"""`python -m tests.benchmarks [NAME …] [--rounds N]`: prints goal, figure and machine; writes README's table.

Without names all are measured. The names of `SHOWN` alone write the table, too.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

from tests.benchmarks import admin, agent, embedded, execution, pages, past, process, server, statistics
from tests.benchmarks.measure import Figure

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- benchmarks: begin -->\n", "<!-- benchmarks: end -->"
ALL = {
    "idle": process.idle,
    "executions": execution.thousand_executions,
    "waiting": execution.waiting,
    "command": embedded.one_command,
    "rebuild": embedded.rebuild,
    "past": past.past,
    "step": execution.durable_step,
    "asked": agent.asked,
    "size": embedded.size_of_a_routine_execution,
    "load": pages.first_load,
    "render": pages.first_render,
    "change": pages.change,
    "sessions": pages.sessions,
    "admin": admin.table,
    "server": server.throughput,
    "statistics": statistics.queries,
    "statistics_page": statistics.page,
}


SHOWN = ("idle", "executions", "waiting", "command", "rebuild", "step", "asked", "size")
"""Those of README's table."""


def machine() -> str:
    """What this was measured on."""
    cores = len(__import__("os").sched_getaffinity(0))
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"


def table(figures: list[Figure]) -> str:
    """The figures as README shows them."""
    lines = [
        "| what | goal | measured | met |",
        "| --- | --- | --- | --- |",
        *(f"| {f.what} | {f.goal} | {f.measured} | {'yes' if f.held else '**no**'} |" for f in figures),
    ]
    return "\n".join(lines) + f"\n\nMedians of one run on {machine()}.\n"


def main() -> int:
    """Run the benchmarks that were asked for; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(ALL)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured")
    given = parser.parse_args()
    unknown = set(given.names) - set(ALL)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    figures: list[Figure] = []
    shown: list[Figure] = []
    for name, measure in ALL.items():
        if given.names and name not in given.names:
            continue
        for figure in measure(given.rounds):
            figures.append(figure)
            shown += [figure] if name in SHOWN else []
            print(
                f"{figure.what}: {figure.measured} (goal {figure.goal}) {'ok' if figure.held else 'MISSED'}", flush=True
            )
    print(machine())
    if not given.names or set(given.names) == set(SHOWN):
        before, rest = README.read_text().split(BEGIN)
        after = rest.split(END, 1)[1]
        README.write_text(before + BEGIN + "\n" + table(shown) + "\n" + END + after)
    return 0 if all(figure.held for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
