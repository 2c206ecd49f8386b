#!/bin/sh
# Guess: `abs(-1)` in a query is 1, whatever database file is attached; and what a file holds besides tables can be listed
# in no time, from duckdb_views(), duckdb_types() and the like.
# What happens: after USE, a macro that the file holds goes before the built-in function of its name, in every query of the
# session, also in one that names no table. The plan shows no trace of it. Macros are listed in duckdb_functions() alone,
# which builds rows for more than 3,000 built-in functions first: some 30 ms of CPU, with a filter or a LIMIT or without,
# where each of the other lists takes about one.
# Why it matters: what a query returns depends on the file that is attached, also where all its tables are plain tables.
# Checking a file for views does not show it, and checking for macros each time is as costly as opening the database twice.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q duckdb==2.0.1
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from time import process_time

import duckdb

path = f"{sys.argv[1]}/file.duckdb"
with duckdb.connect(path) as file:
    file.execute("CREATE TABLE t (n INTEGER); CREATE MACRO abs(n) AS 42")

connection = duckdb.connect(":memory:", config={"threads": 1})
connection.execute(f"ATTACH '{path}' AS file")
before = connection.execute("SELECT abs(-1)").fetchall()
connection.execute("USE file")
after = connection.execute("SELECT abs(-1)").fetchall()


def milliseconds(query):
    begun = process_time()
    for _ in range(10):
        found = connection.execute(query).fetchall()
    return (process_time() - begun) * 100, len(found)


macros, _ = milliseconds("SELECT function_name FROM duckdb_functions() WHERE database_name = 'file'")
first, _ = milliseconds("SELECT 1 FROM duckdb_functions() LIMIT 1")
views, _ = milliseconds("SELECT view_name FROM duckdb_views() WHERE database_name = 'file'")
print(f"abs(-1) is {before[0][0]} before USE and {after[0][0]} after it")
print(f"CPU: {macros:.1f} ms for the macros of one file, {first:.1f} ms for one row, {views:.1f} ms for its views")
sys.exit(0 if (before, after) == ([(1,)], [(42,)]) and min(macros, first) > 5 * views else 1)
PYTHON
