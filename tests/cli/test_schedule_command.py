"""`wsq schedule`: what it writes, read back by those who read it, and what it does with what is there."""

import json
import plistlib
import shlex
import subprocess
import sys
from configparser import ConfigParser
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wsq
from wsq.cli.schedulers import cron, launchd, systemd
from wsq.cli.schedulers.base import Entry, checked, name_for
from wsq.errors import InvalidInput

NASTY = 'it\'s 100% "so" $HOME `x` #;&*é'
SINCE = datetime(2026, 3, 2, 12, tzinfo=UTC)
FOREIGN = b"# mine\nMAILTO=ada@example.com\n0 3 * * * echo 7\\%  \xff\t\n"

CRONTAB = """#!/bin/sh
PATH=/usr/bin:/bin; table="$(dirname "$0")/table"
[ -f "$(dirname "$0")/forbidden" ] && { echo "You (ada) are not allowed to use this program" >&2; exit 1; }
case "$1" in
-l) [ -f "$table" ] && exec cat "$table"; echo "no crontab for ada" >&2; exit 1;;
-r) exec rm "$table";;
-) exec cat > "$table";;
esac
"""
"""What Debian's does, as far as it is asked here."""

MANAGER = """#!/bin/sh
PATH=/usr/bin:/bin; echo "$*" >> "$(dirname "$0")/asked"
grep -q -- "$*" "$(dirname "$0")/refused" 2>/dev/null && { echo "Failed: it is read-only." >&2; exit 1; }
exit 0
"""
"""A systemctl or launchctl that does what it is told and notes it, but for what stands in ``refused``."""


def entry(place="/home/ada", every=5, **other):
    """An entry all of whose paths are in `place`."""
    paths = {"program": f"{place}/bin/wsq-process", "database": f"{place}/team.duckdb", "folder": place}
    return Entry(
        **{"name": "wsq-team-1a2b3c4d", **paths, "log": f"{place}/log", "every": every, "since": SINCE, **other}
    )


@pytest.fixture
def system(folder, tmp_path, monkeypatch):
    """A folder for the system's programs, the only one on the PATH; at first there are none. The workspace is there."""
    wsq.open(folder / "team.duckdb").close()
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return programs


def provide(system, name, script):
    """Have a program on the PATH."""
    (system / name).write_text(script)
    (system / name).chmod(0o755)


def table(system):
    """What the crontab has, line by line."""
    return (system / "table").read_text().splitlines()


def one_sentence(said):
    """Whether it refused as it should."""
    return said.status == 2 and said.out == "" and len(said.err.splitlines()) == 1


# What is written


@pytest.mark.parametrize("reading", [lambda line: line.replace("\\%", "%"), lambda line: line], ids=["taken", "left"])
def test_a_line_runs_the_very_paths_whether_cron_takes_the_backslash_away_or_leaves_it(tmp_path, reading):
    place = tmp_path / NASTY
    (place / "bin").mkdir(parents=True)
    program = place / "bin" / "wsq-process"
    program.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    made = cron.line(entry(str(place)))
    when, command = made[:11], made[12:]

    subprocess.run(["sh", "-c", reading(command)], check=True)

    assert when == "*/5 * * * *"
    assert "%" not in command.replace("\\%", "")
    assert (place / "log").read_text().splitlines() == [str(place), "--quiet", "--database", f"{place}/team.duckdb"]


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=6))
def test_lines_of_others_stay_byte_for_byte_through_installing_replacing_and_removing(lines):
    foreign = b"".join(line + b"\n" for line in lines)
    first, other = cron.line(entry()), cron.line(entry(name="wsq-team-2"))

    both = cron.with_line(cron.with_line(foreign, "wsq-team-1a2b3c4d", first), "wsq-team-2", other)
    replaced = cron.with_line(both, "wsq-team-1a2b3c4d", cron.line(entry(every=10)))

    assert both == foreign + f"{first}\n{other}\n".encode()
    assert replaced == foreign + f"{cron.line(entry(every=10))}\n{other}\n".encode()
    assert cron.without(cron.without(replaced, "wsq-team-2"), "wsq-team-1a2b3c4d") == foreign


def test_the_units_of_systemd_say_what_was_meant_when_they_are_read_back():
    units = ConfigParser(interpolation=None)
    units.optionxform = str
    units.read_string(systemd.service(entry(f"/srv/{NASTY}")))
    assert units["Service"]["Type"] == "oneshot"
    assert units["Service"]["WorkingDirectory"].replace("%%", "%") == f"/srv/{NASTY}/"
    words = shlex.split(units["Service"]["ExecStart"].replace("%%", "%").replace("$$", "$"))
    assert words[:3] == ["/bin/sh", "-c", 'exec "$0" "$@"']  # systemd itself runs nothing with a quote in its name
    assert words[3:] == list(entry(f"/srv/{NASTY}").lone_command)

    units.clear()
    units.read_string(systemd.timer(entry()))
    assert (units["Timer"]["OnCalendar"], units["Timer"]["Persistent"]) == ("*:0/5", "true")
    units.clear()
    units.read_string(systemd.timer(entry(every=7)))
    assert (units["Timer"]["OnUnitActiveSec"], "OnCalendar" in units["Timer"]) == ("7min", False)


def test_the_agent_of_launchd_says_what_was_meant_when_it_is_read_back():
    agent = plistlib.loads(launchd.agent(entry(f"/srv/{NASTY}", every=20)))
    assert agent["ProgramArguments"] == list(entry(f"/srv/{NASTY}", every=20).lone_command)
    assert agent["StartCalendarInterval"] == [{"Minute": 0}, {"Minute": 20}, {"Minute": 40}]
    assert plistlib.loads(launchd.agent(entry(every=7)))["StartInterval"] == 420


@pytest.mark.parametrize("place", ["/a\\b", "/a\nb", "/a\x7fb"])
def test_a_path_that_no_escape_helps_is_refused(place):
    with pytest.raises(InvalidInput, match="backslash or a control character"):
        checked(entry(place))


def test_a_workspace_has_one_name_by_whatever_path_it_is_reached(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert name_for(str(tmp_path / "link" / "team.duckdb")) == name_for(str(tmp_path / "team.duckdb"))
    assert name_for(str(tmp_path / "a" / "team.duckdb")) != name_for(str(tmp_path / "team.duckdb"))
    assert name_for("/tmp/Téam of %.duckdb").startswith("wsq-T-am-of-")


# With cron


def test_a_crontab_line_is_installed_once_carried_out_told_of_and_taken_out(wsq_, folder, system):
    provide(system, "crontab", CRONTAB)
    (system / "table").write_bytes(FOREIGN)
    assert wsq_("schedule", "status").status == 1

    installed, again = wsq_("schedule", "install"), wsq_("schedule", "install", "--every", "10")

    assert (installed.status, again.status, again.err) == (0, 0, "")
    assert (folder / "team.duckdb.log").stat().st_mode & 0o777 == 0o600
    (line,) = [each for each in (system / "table").read_bytes().splitlines() if b"wsq-" in each]
    assert (system / "table").read_bytes() == FOREIGN + line + b"\n"
    assert f"{Path(sys.executable).parent}/wsq-process --quiet --database {folder}/team.duckdb" in line.decode()
    waiting = wsq_("schedule", "status")
    assert (waiting.status, "No pass has run yet." in waiting.out) == (0, True)
    subprocess.run(["/bin/sh", "-c", line.decode().split(" ", 5)[5]], check=True, timeout=60)
    status = wsq_("schedule", "status", "--json")
    told = json.loads(status.out)
    assert (status.status, told["installed"], told["with"], told["every_minutes"]) == (0, True, "cron", 10)
    assert datetime.fromisoformat(told["next_pass"]) > datetime.fromisoformat(told["last_pass"])
    assert told["missing"] is False
    removed = wsq_("schedule", "remove")
    assert (removed.status, (system / "table").read_bytes()) == (0, FOREIGN)
    assert wsq_("schedule", "status").status == 1
    assert "Nothing is installed" in wsq_("schedule", "remove").out


def test_two_workspaces_are_scheduled_side_by_side_and_the_last_one_takes_the_crontab_along(wsq_, folder, system):
    provide(system, "crontab", CRONTAB)
    wsq.open("other.duckdb").close()
    wsq_("schedule", "install")
    wsq_("schedule", "install", "--database", "other.duckdb")
    assert len(table(system)) == 2

    wsq_("schedule", "remove")

    (left,) = table(system)
    assert f"{folder}/other.duckdb" in left
    assert wsq_("schedule", "remove", "--database", "other.duckdb").status == 0
    assert not (system / "table").exists()


def test_passes_that_do_not_come_make_the_status_one(wsq_, system):
    provide(system, "crontab", CRONTAB)
    wsq_("schedule", "install")
    line = (system / "table").read_text()
    long_ago = f"{line.rpartition(' since ')[0]} since 2026-01-01T00:00:00+00:00\n"  # installed then, and none since
    (system / "table").write_text(long_ago)

    said = wsq_("schedule", "status")

    assert (said.status, "Passes are missing" in said.out) == (1, True)
    assert json.loads(wsq_("schedule", "status", "--json").out)["missing"] is True


@pytest.mark.parametrize("since", ["2026-99-01", "2026-01-01"])
def test_a_line_whose_date_somebody_has_edited_is_told_of_and_taken_out(wsq_, system, since):
    provide(system, "crontab", CRONTAB)
    wsq_("schedule", "install")
    line = (system / "table").read_text()
    (system / "table").write_bytes(FOREIGN + f"{line.rpartition(' since ')[0]} since {since}\n".encode())

    told = json.loads(wsq_("schedule", "status", "--json").out)

    assert (told["installed"], told["since"], told["missing"]) == (True, None, True)
    assert wsq_("schedule", "remove").status == 0
    assert (system / "table").read_bytes() == FOREIGN


def test_what_cannot_be_scheduled_is_refused_in_one_sentence_and_changes_nothing(wsq_, folder, system, monkeypatch):
    nothing = wsq_("schedule", "install")
    assert one_sentence(nothing)
    assert "no systemctl" in nothing.err
    assert "no crontab" in nothing.err
    for word in ("systemd", "launchd", "cron"):
        assert one_sentence(wsq_("schedule", "install", "--with", word))
    provide(system, "crontab", CRONTAB)
    uneven = wsq_("schedule", "install", "--every", "7")
    assert one_sentence(uneven)
    assert not (folder / "team.duckdb.log").exists()
    assert "expected one of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30" in uneven.err
    for often in ("0", "60", "5.5", "often"):
        assert one_sentence(wsq_("schedule", "install", "--every", often))
    assert "backslash" in wsq_("schedule", "install", "--database", "a\\b.duckdb").err
    far_away = wsq_("schedule", "install", "--database", "postgresql://ada:secret@host/db")
    assert one_sentence(far_away)
    assert "secret" not in far_away.err
    (system / "forbidden").touch()
    forbidden = wsq_("schedule", "install")
    assert one_sentence(forbidden)
    assert "not allowed" in forbidden.err
    assert not (system / "table").exists()


def test_what_only_the_environment_sets_is_told_and_never_written(wsq_, folder, system, monkeypatch):
    provide(system, "crontab", CRONTAB)
    monkeypatch.delenv("WSQ_TIMEZONE")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")

    said = wsq_("schedule", "install")

    assert "The scheduler will not see ANTHROPIC_API_KEY" in said.out
    assert "wsq init --user --with-key" in said.out
    assert "sk-secret" not in said.out + (system / "table").read_text()
    assert wsq_("init", "--with-key").status == 0
    assert 'api_key = "sk-secret"' in (folder / "wsq.toml").read_text()
    again = wsq_("schedule", "install")
    assert "will not see" not in again.out
    assert f"cd {folder} && " in (system / "table").read_text()
    monkeypatch.setenv("WSQ_MODEL", "claude-x")
    assert f"{folder}/wsq.toml (model = …)" in wsq_("schedule", "install").out
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    (folder / "wsq.toml").unlink()
    assert one_sentence(wsq_("init", "--with-key"))


# With systemd and launchd


def test_systemd_is_preferred_where_it_answers_and_takes_the_place_of_cron(wsq_, folder, system, tmp_path):
    provide(system, "crontab", CRONTAB)
    wsq_("schedule", "install")
    provide(system, "systemctl", MANAGER)

    said = wsq_("schedule", "install", "--every", "7")

    assert said.status == 0
    assert not (system / "table").exists()
    name = name_for(str(folder / "team.duckdb"))
    units = tmp_path / "config" / "systemd" / "user"
    assert sorted(unit.name for unit in units.iterdir()) == [f"{name}.service", f"{name}.timer"]
    assert {f"{path.stat().st_mode & 0o777:o}" for path in (units, *units.iterdir())} == {"700", "600"}
    asked = (system / "asked").read_text().splitlines()
    assert asked[-3:] == ["--user daemon-reload", f"--user enable {name}.timer", f"--user restart {name}.timer"]
    told = json.loads(wsq_("schedule", "status", "--json").out)
    assert (told["with"], told["every_minutes"], told["where"]) == ("systemd", 7, str(units / f"{name}.timer"))
    assert wsq_("schedule", "remove").status == 0
    assert list(units.iterdir()) == []
    assert f"--user disable --now {name}.timer" in (system / "asked").read_text()


def test_units_that_systemd_refuses_are_taken_away_again(wsq_, folder, system, tmp_path):
    provide(system, "systemctl", MANAGER)
    name = name_for(str(folder / "team.duckdb"))
    (system / "refused").write_text(f"--user enable {name}.timer\n")

    said = wsq_("schedule", "install")

    assert one_sentence(said)
    assert "failed: Failed: it is read-only." in said.err
    assert list((tmp_path / "config" / "systemd" / "user").iterdir()) == []


def test_an_agent_of_launchd_is_loaded_told_of_and_deleted(wsq_, folder, system, tmp_path):
    provide(system, "launchctl", MANAGER)

    assert wsq_("schedule", "install").status == 0

    name = name_for(str(folder / "team.duckdb"))
    (agent,) = (tmp_path / "home" / "Library" / "LaunchAgents").iterdir()
    assert (agent.name, (system / "asked").read_text().splitlines()[-1].split()[0]) == (f"{name}.plist", "bootstrap")
    told = json.loads(wsq_("schedule", "status", "--json").out)
    assert (told["with"], told["every_minutes"]) == ("launchd", 5)
    assert wsq_("schedule", "remove").status == 0
    assert not agent.exists()


def test_a_schedule_begins_with_a_workspace_that_can_be_opened(wsq_, folder, system):
    provide(system, "crontab", CRONTAB)
    (folder / "notes.txt").write_text("no workspace")

    assert one_sentence(wsq_("schedule", "install", "--database", "notes.txt"))
    assert not (system / "table").exists()
    assert wsq_("schedule", "install").status == 0
    with wsq.open() as ws:
        assert ws.stores() == []
