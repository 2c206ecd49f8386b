"""A timer of the user's systemd, and the service that it starts."""

from __future__ import annotations

import re
import shutil
from configparser import ConfigParser, Error
from pathlib import Path

from wsq.cli.schedulers.base import Entry, Installed, ask, changed_at, reason, tell
from wsq.errors import WsqError


class Systemd:
    """Makes up for what the machine slept through, with one pass when it wakes."""

    word = "systemd"
    logs_to_file = False

    def hindrance(self) -> str | None:
        """Whether there is a systemd that runs things for this user."""
        if shutil.which("systemctl") is None:
            return "systemd cannot be used: there is no systemctl on this machine."
        asked = ask("systemctl", "--user", "show", "--property=Version")
        if asked.returncode:
            return f"systemd cannot be used: it runs nothing for this user here ({reason(asked)})."
        return None

    def install(self, entry: Entry) -> None:
        """Write the units and start the timer; when systemd refuses them they are taken away again."""
        units = _folder()
        units.mkdir(parents=True, exist_ok=True)
        (units / f"{entry.name}.service").write_text(service(entry), encoding="utf-8")
        (units / f"{entry.name}.timer").write_text(timer(entry), encoding="utf-8")
        try:
            tell("systemctl", "--user", "daemon-reload")
            tell("systemctl", "--user", "enable", f"{entry.name}.timer")
            tell("systemctl", "--user", "restart", f"{entry.name}.timer")
        except WsqError:
            self.remove(entry.name)
            raise

    def found(self, name: str) -> Installed | None:
        """The timer of that name."""
        path = _folder() / f"{name}.timer"
        if not path.exists():
            return None
        return Installed(self.word, name, str(path), _every(path), changed_at(path))

    def remove(self, name: str) -> None:
        """Stop the timer and delete the units; also where systemd does not answer (any more)."""
        if self.hindrance() is None:
            ask("systemctl", "--user", "disable", "--now", f"{name}.timer")
        units = _folder()
        for unit in (f"timers.target.wants/{name}.timer", f"{name}.timer", f"{name}.service"):
            (units / unit).unlink(missing_ok=True)
        _stamp(name).unlink(missing_ok=True)
        if self.hindrance() is None:
            ask("systemctl", "--user", "daemon-reload")
            ask("systemctl", "--user", "reset-failed", f"{name}.service")

    def hint(self, entry: Entry) -> str:
        """Where to read what it prints, and when it runs."""
        return (
            f"Read what it prints with: journalctl --user -u {entry.name}. It runs while you are logged in; "
            "loginctl enable-linger makes it run always."
        )


def service(entry: Entry) -> str:
    """The unit of one pass. It ends by itself, and so is given all the time it takes."""
    return f"""\
[Unit]
Description={_plain(entry.about)}

[Service]
Type=oneshot
WorkingDirectory={_plain(entry.folder.rstrip("/") + "/")}
ExecStart={_command(entry)}
"""


def timer(entry: Entry) -> str:
    """The unit that starts it: by the clock where hours divide so, else counted from the last time."""
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
    """The pass as systemd reads it. What it runs itself may have no quote in its name; a shell's argument may."""
    words = entry.lone_command
    if re.search(r"[\"'$]", entry.program):
        words = ("/bin/sh", "-c", 'exec "$0" "$@"', *words)
    return " ".join(map(_word, words))


def _plain(text: str) -> str:
    """`text` as a value of its own, where only ``%`` means something."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """`text` as a word of a command line, in which ``$`` means something too."""
    return '"' + _plain(text).replace("$", "$$").replace('"', '\\"') + '"'


def _every(path: Path) -> int | None:
    units = ConfigParser(interpolation=None, strict=False)
    try:
        units.read_string(path.read_text(encoding="utf-8"))
        return units.getint("X-Wsq", "EveryMinutes")
    except (Error, ValueError, OSError):
        return None


def _stamp(name: str) -> Path:
    """Where systemd notes when a persistent timer came last, which it keeps for ever."""
    from platformdirs import user_data_path

    return user_data_path() / "systemd" / "timers" / f"stamp-{name}.timer"


def _folder() -> Path:
    from platformdirs import user_config_path

    folder = user_config_path()
    if not folder.is_absolute():
        raise WsqError("This user has no home folder, and so nowhere to keep units of systemd.")
    return folder / "systemd" / "user"
