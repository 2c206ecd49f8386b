#!/bin/sh
# Guess: DuckDB applies a write-ahead log to no other file than the one that it was written for. The log begins with the
# file's random identity and with the number of its last checkpoint, and a log that does not fit is refused.
# What happens: a copy of the file has the same identity, and the number only counts checkpoints. When the copy was
# checkpointed, to be one file without a log, and the original has been checkpointed once since, both numbers are equal.
# The copy and the log of the original are then taken for one database: rows that were written between are missing, later
# ones are there, and nothing reports an error. After one checkpoint more or less the log is refused.
# Why it matters: this is how a backup is restored by hand, when `cp` puts it over the file and leaves the log. Who makes
# copies has to give them another identity: it is in the first 4096 bytes, which hold nothing else of one file, so those
# of an empty database can take their place. `COPY FROM DATABASE` into a new file has the same effect.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import shutil
import sys

import duckdb


def run(path, *statements):
    database = duckdb.connect(path)
    database.execute("PRAGMA disable_checkpoint_on_shutdown")
    try:
        for statement in statements:
            found = database.execute(statement).fetchall()
        return found
    finally:
        database.close()


def add(path, *numbers):
    run(path, *(f"INSERT INTO entries VALUES ({number})" for number in numbers))


def restored(backup):
    shutil.copy(backup, "restored.db")
    shutil.copy("original.db.wal", "restored.db.wal")
    try:
        ((numbers,),) = run("restored.db", "SELECT list(number ORDER BY number) FROM entries")
    except duckdb.IOException:
        return "refused"
    return numbers


run("original.db", "CREATE TABLE entries (number INTEGER PRIMARY KEY)", "CHECKPOINT")
add("original.db", 1, 2, 3)
for end in ("", ".wal"):
    shutil.copy(f"original.db{end}", f"backup.db{end}")
run("backup.db", "CHECKPOINT")
run("empty.db", "SELECT 1")
shutil.copy("backup.db", "other.db")
with open("empty.db", "rb") as empty, open("other.db", "r+b") as other:
    other.write(empty.read(4096))

print(f"duckdb {duckdb.__version__}; the backup holds 1, 2, 3, and the original got 4, 5, 6, 7 since")
print("checkpoints  in the log  backup with the log  the same with another identity")
found = []
for checkpoints, numbers in enumerate([(4,), (5, 6), (7,)]):
    if checkpoints:
        run("original.db", "CHECKPOINT")
    add("original.db", *numbers)
    found.append((restored("backup.db"), restored("other.db")))
    print(f"{checkpoints:11}  {', '.join(map(str, numbers)):10}  {found[-1][0]!s:19}  {found[-1][1]}")
sys.exit(0 if found == [("refused", "refused"), ([1, 2, 3, 5, 6], "refused"), ("refused", "refused")] else 1)
PYTHON
