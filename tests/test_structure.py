"""Where SQL stands, and how long files and functions are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SQL_ROOMS = ("wsq/store/", "wsq/queries/", "wsq/statistics/")

LONGEST_FILE = 600
LONGEST_FUNCTION = 45

_STATEMENT = re.compile(r"\s*\(?(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|DROP|ALTER|WHERE|ORDER BY)\s")


@cache
def sources() -> dict[str, ast.Module]:
    """The syntax trees of the package's files by path."""
    files = sorted((ROOT / "wsq").rglob("*.py"))
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def lines(node: ast.AST) -> int:
    """How many lines a definition takes, without its decorators."""
    return node.end_lineno - node.lineno + 1


def functions() -> Iterator[tuple[str, int]]:
    """Each function by file and name, and its length in lines."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}: {node.name}", lines(node)


def test_sql_stands_in_store_queries_and_statistics_alone() -> None:
    found = {
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value)
    }
    rooms = {path for path in found if path.startswith(SQL_ROOMS)}
    assert len(rooms) > 20
    assert found == rooms


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    files = {path: (ROOT / path).read_text(encoding="utf-8").count("\n") for path in sources()}
    assert [path for path, length in files.items() if length > LONGEST_FILE] == []


def test_no_function_is_longer_than_a_screen() -> None:
    assert [name for name, length in functions() if length > LONGEST_FUNCTION] == []


def test_zones_have_one_source() -> None:
    """Python's rules of zones are those of wsq.zone_rules alone, and neither a database nor a browser has any."""
    texts = {path: path.read_text(encoding="utf-8") for kind in ("*.py", "*.js") for path in (ROOT / "wsq").rglob(kind)}
    asks = re.compile(
        r"ZoneInfo(?:\.from_file)?\(|AT TIME ZONE|date_trunc|supportedValuesOf|timeZone: (?!\"UTC\")|timeZone,"
    )
    found = {str(path.relative_to(ROOT)) for path, text in texts.items() if asks.search(text)}
    assert found == {"wsq/zone_rules.py"}
