#!/bin/sh
# Guess: a program can decide the permissions of a DuckDB file and its write-ahead log by creating them empty beforehand.
# What happens: an empty database file is refused ("not a valid DuckDB database file"), an empty log that is there before
# ATTACH is deleted and created again as the umask says, and a log that is created after ATTACH is used as it is. A log
# that is a symbolic link is followed.
# Why it matters: who opens a database of another user, as root does, has to create the log between ATTACH and the first
# COMMIT, and a new database in a folder of its own.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q duckdb==2.0.1
cd "$folder"
umask 022
"$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb


def mode(path):
    return f"{os.stat(path).st_mode & 0o777:04o}" if os.path.exists(path) else "missing"


def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


connection = duckdb.connect(config={"checkpoint_on_detach": "DISABLED"})
create("empty.duckdb")
try:
    connection.execute("ATTACH 'empty.duckdb' AS empty")
except duckdb.Error as error:
    print("empty file:", error)
connection.execute("ATTACH 'a.duckdb' AS a")
connection.execute("CREATE TABLE a.t AS SELECT 1 AS n")
connection.execute("CHECKPOINT a")
connection.execute("DETACH a")
create("a.duckdb.wal")
connection.execute("ATTACH 'a.duckdb' AS a")
print("log from before ATTACH:", mode("a.duckdb.wal"))
connection.execute("INSERT INTO a.t VALUES (2)")
print("log created by DuckDB:", mode("a.duckdb.wal"))
connection.execute("CHECKPOINT a")
create("a.duckdb.wal")
connection.execute("INSERT INTO a.t VALUES (3)")
print("log from after ATTACH:", mode("a.duckdb.wal"), os.path.getsize("a.duckdb.wal") > 0)
connection.execute("CHECKPOINT a")
os.symlink("elsewhere", "a.duckdb.wal")
connection.execute("INSERT INTO a.t VALUES (4)")
print("through a link:", os.path.getsize("elsewhere") > 0)
PYTHON
