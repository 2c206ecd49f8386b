#!/bin/sh
# Guess: with the newest tzdata from PyPI installed, Python's zoneinfo uses it.
# What happens: zoneinfo looks in the operating system's folders first, and takes whatever it finds there, however old it
# is; the package serves only zones that are missing. The version is not looked at, and nothing says which was used.
# DuckDB brings rules of its own. So one process has two answers to what time it is in Vancouver or Casablanca in December
# 2026, and updating the package changes nothing. Here the older set is tzdata 2025.2, in the place of the system's;
# Debian 12 has the same rules, 2025b, at the end of 2026.
# Why it matters: schedules at a wall time run an hour off, and SQL shows another hour than Python. Who needs the newest
# rules has to choose the folder by the version in its tzdata.zi, and build zones with ZoneInfo.from_file.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q duckdb==2.0.1 tzdata==2026.6 pytz==2026.6
"$folder/venv/bin/pip" install -q --target "$folder/system" tzdata==2025.2
PYTHONTZPATH="$folder/system/tzdata/zoneinfo" "$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import UTC, datetime
from importlib import resources
from zoneinfo import ZoneInfo

import duckdb
import tzdata

noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
database = duckdb.connect()
package = resources.files("tzdata") / "zoneinfo"
print(f"duckdb {duckdb.__version__}, tzdata {tzdata.IANA_VERSION} installed, 2025b where the system's rules are")
print(f"{'12:00 UTC on 1 December 2026 in':32} zoneinfo  the package  DuckDB")
differ = {}
for name in ("Europe/Berlin", "America/Vancouver", "America/Winnipeg", "Africa/Casablanca"):
    with (package / name).open("rb") as file:
        newest = ZoneInfo.from_file(file, key=name)
    ((sql,),) = database.execute("SELECT strftime(? AT TIME ZONE ?, '%H:%M')", [noon, name]).fetchall()
    shown = (f"{noon.astimezone(ZoneInfo(name)):%H:%M}", f"{noon.astimezone(newest):%H:%M}", sql)
    differ[name] = shown[0] != shown[1] == shown[2]
    print(f"{name:32} {shown[0]:9} {shown[1]:12} {shown[2]}")
sys.exit(0 if list(differ.values()) == [False, True, True, True] else 1)
PYTHON
