"""A timer of the user's systemd, and its service."""

from __future__ import annotations

import re
import shutil
from configparser import ConfigParser, Error
from pathlib import Path

from wsq.cli.schedulers.base import Entry, Installed, installed_at, reason, run, run_checked
from wsq.errors import WsqError
from wsq.files import Files


class Systemd:
    """After sleep, runs one pass if any was missed."""

    word = "systemd"
    logs_to_file = False

    def hindrance(self) -> str | None:
        """Return why systemd is unavailable for this user; None if it is available."""
        if shutil.which("systemctl") is None:
            return "systemd is unavailable: there is no systemctl command on this machine."
        shown = run("systemctl", "--user", "show", "--property=Version")
        if shown.returncode:
            return f"systemd is unavailable for this user: {reason(shown)}."
        return None

    def install(self, entry: Entry) -> None:
        """Write the units and start the timer; remove them if systemd refuses them."""
        units = _folder()
        files = Files(None)
        files.folder(units, parents=True)
        files.write(units / f"{entry.name}.service", service(entry).encode())
        files.write(units / f"{entry.name}.timer", timer(entry).encode())
        try:
            run_checked("systemctl", "--user", "daemon-reload")
            run_checked("systemctl", "--user", "enable", f"{entry.name}.timer")
            run_checked("systemctl", "--user", "restart", f"{entry.name}.timer")
        except WsqError:
            self.remove(entry.name)
            raise

    def found(self, name: str) -> Installed | None:
        """Return the timer with this name."""
        return installed_at(_folder() / f"{name}.timer", self.word, name, _every)

    def remove(self, name: str) -> None:
        """Stop the timer and delete the units, even if systemd no longer answers."""
        if self.hindrance() is None:
            run("systemctl", "--user", "disable", "--now", f"{name}.timer")
        units = _folder()
        for unit in (f"timers.target.wants/{name}.timer", f"{name}.timer", f"{name}.service"):
            (units / unit).unlink(missing_ok=True)
        _stamp(name).unlink(missing_ok=True)
        if self.hindrance() is None:
            run("systemctl", "--user", "daemon-reload")
            run("systemctl", "--user", "reset-failed", f"{name}.service")

    def hint(self, entry: Entry) -> str:
        """Return where the output is, and when it runs."""
        return (
            f"Read its output with: journalctl --user -u {entry.name}. It runs while you are logged in; "
            "loginctl enable-linger makes it run always."
        )


def service(entry: Entry) -> str:
    """Return the unit of one pass. It has no timeout, since it ends by itself."""
    return f"""\
[Unit]
Description={_plain(entry.about)}

[Service]
Type=oneshot
WorkingDirectory={_plain(entry.folder.rstrip("/") + "/")}
ExecStart={_command(entry)}
"""


def timer(entry: Entry) -> str:
    """Return the timer's unit: calendar times if the interval divides an hour, else an interval."""
    if entry.minutes is not None:
        when = f"OnCalendar=*:0/{entry.every}\nPersistent=true"
    else:
        when = f"OnStartupSec=1min\nOnUnitActiveSec={entry.every}min"
    return f"""\
[Unit]
Description={_plain(entry.about)}, every {entry.every} min

[Timer]
{when}
AccuracySec=1s

[Install]
WantedBy=timers.target

[X-Wsq]
EveryMinutes={entry.every}
"""


def _command(entry: Entry) -> str:
    """Return the pass for systemd. The program's own path must not contain quotes; a shell's argument may."""
    words = entry.lone_command
    if re.search(r"[\"'$]", entry.program):
        words = ("/bin/sh", "-c", 'exec "$0" "$@"', *words)
    return " ".join(map(_word, words))


def _plain(text: str) -> str:
    """Return `text` as a value, in which only ``%`` is special."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """Return `text` as a word of a command line, in which ``$`` is special too."""
    return '"' + _plain(text).replace("$", "$$").replace('"', '\\"') + '"'


def _every(path: Path) -> int | None:
    units = ConfigParser(interpolation=None, strict=False)
    try:
        units.read_string(path.read_text(encoding="utf-8"))
        return units.getint("X-Wsq", "EveryMinutes")
    except (Error, ValueError, OSError):
        return None


def _stamp(name: str) -> Path:
    """Return the file in which systemd stores a persistent timer's last run, and which it never removes."""
    from platformdirs import user_data_path

    return user_data_path() / "systemd" / "timers" / f"stamp-{name}.timer"


def _folder() -> Path:
    from platformdirs import user_config_path

    folder = user_config_path()
    if not folder.is_absolute():
        raise WsqError("This user has no home folder for systemd units.")
    return folder / "systemd" / "user"
