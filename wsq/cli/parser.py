"""The commands and flags of `wsq`, each with its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from wsq.errors import InvalidInput
from wsq.version import VERSION
from wsq.vocabulary import DEFAULT_NOTIFY_ON, MISSED, NOTIFY_ON

PROGRAM = "wsq"
PORT = 5006
ADDRESS = "127.0.0.1"
STORE = "default"
EVERY = 5
SCHEDULERS = ("systemd", "launchd", "cron")

ABOUT = "A task board with recurring tasks that an AI agent runs on a schedule."
AFTER = (
    "Settings come from flags, then the environment (WSQ_DATABASE, WSQ_TIMEZONE, …), then wsq.toml. "
    "Recurring tasks run while a scheduler runs: `wsq serve`, or the one that `wsq schedule install` sets up."
)


class Parser(argparse.ArgumentParser):
    """Raises errors as one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise `InvalidInput` instead of printing the usage."""
        raise InvalidInput(f"{message[:1].upper()}{message[1:]} (see `{self.prog} --help`).")


def parser() -> Parser:
    """Return the parser of `wsq`."""
    top = Parser(prog=PROGRAM, description=ABOUT, epilog=AFTER, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}", help="show the version and exit")
    commands = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _beginning(commands)
    _stores(commands)
    _pages(commands)
    _users(commands)
    _schedule(commands)
    _recurring_tasks(commands)
    _pauses(commands)
    _whole(commands)
    return top


def _bare(commands: Any, name: str, about: str, more: str | None = None) -> Parser:
    help_ = about[:1].lower() + about[1:]
    made: Parser = commands.add_parser(name, help=help_, description=f"{more or about}.", allow_abbrev=False)
    return made


def _command(commands: Any, name: str, about: str, *, store: bool = False, json: bool = False) -> Parser:
    made = _bare(commands, name, about)
    made.add_argument("--database", metavar="PATH", help="the workspace: a path to a DuckDB file; else WSQ_DATABASE")
    if store:
        made.add_argument("--store", metavar="ID", default=STORE, help="the store; %(default)s when left out")
    if json:
        made.add_argument("--json", action="store_true", help="print JSON instead of text")
    return made


def _beginning(commands: Any) -> None:
    init = _command(commands, "init", "Create a workspace, and wsq.toml here, readable only by you")
    init.add_argument("--user", action="store_true", help="write it to your configuration folder, for every folder")
    init.add_argument("--timezone", metavar="ZONE", help="IANA zone of new stores and tasks; default: this machine's")
    init.add_argument(
        "--with-key",
        action="store_true",
        help="also write what is secret in the environment: key, base URL, password of the database",
    )
    init.add_argument("--model", metavar="ID", help="model to use if neither task nor store names one")
    _command(commands, "demo", "Create an example workspace in its own file; always offline")
    about = "Copy the notebooks into this folder, keeping those that you have changed, and open JupyterLab"
    lab = _bare(commands, "lab", "Copy the notebooks into this folder and open JupyterLab", about)
    lab.add_argument("--no-open", action="store_true", help="copy them only")


def _stores(commands: Any) -> None:
    store = _bare(commands, "store", "Add, list, rename and archive the stores of a workspace")
    what = store.add_subparsers(metavar="WHAT", dest="what", required=True, help="what to do")
    add = _command(what, "add", "Add a store")
    add.add_argument("id", metavar="ID", help="1 to 64 characters of A-Z a-z 0-9 _ -")
    add.add_argument("--name", metavar="NAME", help="name for people; default: its id")
    add.add_argument("--timezone", metavar="ZONE", help="IANA zone of its new tasks; default: the settings'")
    add.add_argument("--model", metavar="ID", help="model for tasks that name none; default: the settings'")
    add.add_argument("--budget", type=float, metavar="DOLLARS", help="budget per day; default: 5 dollars")
    listed = _command(what, "list", "List the stores, by name", json=True)
    listed.add_argument("--archived", action="store_true", help="archived ones, too")
    rename = _command(what, "rename", "Change a store's name; its id stays")
    rename.add_argument("id", metavar="ID", help="the store")
    rename.add_argument("name", metavar="NAME", help="its new name")
    for name, about in {
        "archive": "Archive a store: nothing in it runs, and pages do not list it",
        "unarchive": "Use an archived store again",
    }.items():
        _command(what, name, about).add_argument("id", metavar="ID", help="the store")


def _pages(commands: Any) -> None:
    serve = _command(commands, "serve", "Serve the dashboards for a browser, and run a scheduler")
    serve.add_argument("--port", type=_PORT, default=PORT, metavar="N", help="port, 0 for a free one; %(default)s")
    serve.add_argument("--address", default=ADDRESS, help="address to listen on; %(default)s; others need a login")
    serve.add_argument("--origin", metavar="HOST", help="host under which a proxy serves the pages; else WSQ_ORIGIN")
    serve.add_argument("--no-scheduler", action="store_true", help="do not run a scheduler")
    serve.add_argument("--demo", action="store_true", help="serve the example workspace, created if missing")


def _users(commands: Any) -> None:
    user = _bare(commands, "user", "Manage who may log in to the pages, and their roles")
    what = user.add_subparsers(metavar="WHAT", dest="what", required=True, help="add, list, role, password or remove")
    add = _of_user(what, "add", "Add a user; the password is asked for, or read from standard input")
    _roles(add)
    add.add_argument(
        "--no-password", action="store_true", help="the user logs in through a provider, with this e-mail address"
    )
    _roles(_of_user(what, "role", "Replace a user's role and stores"))
    _of_user(what, "password", "Change a user's password, which ends their sessions")
    _of_user(what, "remove", "Remove a user, which ends their sessions")
    listed = _command(what, "list", "List the users, by name", json=True)
    listed.add_argument("--users", metavar="PATH", help="the users file; else WSQ_USERS, or beside the workspace")


def _of_user(commands: Any, name: str, about: str) -> Parser:
    made = _command(commands, name, about)
    made.add_argument(
        "name", metavar="NAME", help="the user's name; with a provider, an e-mail address or provider:subject"
    )
    made.add_argument("--users", metavar="PATH", help="the users file; else WSQ_USERS, or beside the workspace")
    return made


def _roles(made: Parser) -> None:
    made.add_argument("--role", default="viewer", metavar="ROLE", help="viewer, editor or admin; %(default)s")
    made.add_argument(
        "--store", action="append", default=[], metavar="ID", help="a store, can be repeated; default: all stores"
    )


def _schedule(commands: Any) -> None:
    about = "Let this machine run wsq-process every few minutes"
    schedule = _bare(commands, "schedule", about, f"{about}, with systemd, launchd or cron")
    what = schedule.add_subparsers(metavar="WHAT", dest="what", required=True, help="install, status or remove")
    install = _command(what, "install", "Install it for this workspace, replacing an earlier one")
    install.add_argument(
        "--with", dest="by", choices=SCHEDULERS, help="systemd, launchd or cron; default: the best available"
    )
    install.add_argument(
        "--every", type=_MINUTES, default=EVERY, metavar="MINUTES", help="1 to 59 minutes apart; %(default)s"
    )
    _command(what, "status", "Show its state; exit 1 if nothing is installed or passes are missing", json=True)
    _command(what, "remove", "Remove what install created for this workspace")


def _recurring_tasks(commands: Any) -> None:
    add = _command(commands, "add", "Add a recurring task", store=True, json=True)
    add.add_argument("--create-store", action="store_true", help="create the store if it is missing")
    add.add_argument("name", metavar="NAME", help="name of the task")
    add.add_argument("--prompt", required=True, metavar="P", help="what the agent should do; - reads standard input")
    add.add_argument("--every", required=True, metavar="INTERVAL", help='such as "4 hours", "1 day", "30 minutes"')
    add.add_argument("--starting", metavar="TIME", help="start of the schedule: a time such as 09:00, or an instant")
    add.add_argument("--timezone", metavar="ZONE", help="IANA zone of its schedule; default: the store's")
    add.add_argument("--project", metavar="ID", help="project that it works in; default: the whole store")
    add.add_argument("--description", metavar="TEXT", default="", help="description for people")
    add.add_argument("--missed", default=MISSED[0], metavar="POLICY", help=f"missed runs: {' or '.join(MISSED)}")
    add.add_argument("--model", metavar="ID", help="model to use; default: the store's or the settings'")
    add.add_argument(
        "--assignee", action="append", default=[], metavar="NAME", help="assignee of the task; can be repeated"
    )
    add.add_argument(
        "--budget", type=float, metavar="DOLLARS", help="budget per day of the store's zone; default: 1 dollar"
    )
    add.add_argument("--skip-unchanged", action="store_true", help="skip a run if nothing in its project has changed")
    add.add_argument("--time-limit", metavar="TIME", default="5 minutes", help="maximum working time; %(default)s")
    add.add_argument(
        "--notify", action="append", default=[], metavar="NAME", help="who to notify of the outcome; can be repeated"
    )
    add.add_argument(
        "--notify-on",
        metavar="ENDS",
        default=",".join(DEFAULT_NOTIFY_ON),
        help=f"outcomes to notify of: {', '.join(NOTIFY_ON)}; default: %(default)s",
    )
    _command(commands, "list", "List the recurring tasks, newest first", store=True, json=True)
    _of_one(commands, "show", "Show a recurring task and its latest run", json=True)
    _of_one(commands, "run", "Run a recurring task now and show the outcome", json=True)
    history = _of_one(commands, "history", "List the runs of a recurring task, newest first", json=True)
    history.add_argument("--limit", type=_LIMIT, default=20, metavar="N", help="maximum number; %(default)s")
    _of_one(commands, "enable", "Enable a recurring task")
    disable = _of_one(commands, "disable", "Disable a recurring task; a run in progress finishes")
    disable.add_argument("--reason", metavar="TEXT", help="the reason, shown on the board")
    _of_one(commands, "delete", "Delete a recurring task; its runs stay readable by its id")


def _of_one(commands: Any, name: str, about: str, *, json: bool = False) -> Parser:
    made = _command(commands, name, about, store=True, json=json)
    made.add_argument("task", metavar="NAME_OR_ID", help="the task's id, or its name if that is unique")
    return made


def _pauses(commands: Any) -> None:
    pause = _command(commands, "pause", "Pause a store or all stores; runs in progress finish")
    pause.add_argument("--store", metavar="ID", help="the store; default: all stores")
    pause.add_argument(
        "--until", metavar="WHEN", help='an instant with its offset, "17:00", or "2 hours"; default: until wsq resume'
    )
    pause.add_argument("--reason", metavar="TEXT", help="the reason, shown on the board")
    resume = _command(commands, "resume", "Resume after a pause; runs that were due meanwhile are skipped")
    resume.add_argument("--store", metavar="ID", help="the store; default: end the pause of the whole workspace")
    since = _command(commands, "since", "Show what has happened since a time", json=True)
    since.add_argument("--store", metavar="ID", help="the store; default: all stores")
    since.add_argument(
        "when", metavar="WHEN", nargs="?", default="1 day", help='an instant, "08:00", or "2 hours" ago; %(default)s'
    )


def _whole(commands: Any) -> None:
    sql = _command(commands, "sql", "Query the workspace in SQL: one read-only statement", json=True)
    sql.add_argument("query", metavar="QUERY", help='such as "select name, next_execution_at from recurring_tasks"')
    backup = _command(commands, "backup", "Copy the workspace to a new file, even while it is in use")
    backup.add_argument("path", metavar="PATH", help="the copy, which must not exist yet")
    restore = _command(commands, "restore", "Put a backup in the place of the workspace, even while it is in use")
    restore.add_argument("path", metavar="BACKUP", help="a file that `wsq backup` made; the former file is kept")
    export = _command(commands, "export", "Write the whole workspace to a file that can be read without wsq")
    export.add_argument("path", metavar="FILE", nargs="?", default="-", help="a new file; default: standard output")
    export.add_argument("--anyway", action="store_true", help="write also what could not be imported, marked")
    bring = _command(commands, "import", "Restore an exported file to an empty workspace")
    bring.add_argument("path", metavar="FILE", help="a file written by `wsq export`")
    bring.add_argument(
        "--max-size", type=_GIGABYTES, default=4, metavar="GB", help="to how many GB it may unpack; %(default)s"
    )
    forget = _command(commands, "forget", "Erase a contact or a document for good, also from past events", store=True)
    forget.add_argument("what", choices=("contact", "document"), help="what it is")
    forget.add_argument("id", metavar="ID", help="its id; deleted ones can be forgotten, too")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    copy = _command(commands, "copy", "Copy a whole workspace to another one, such as from a file to a server")
    copy.add_argument("source", metavar="FROM", help="a workspace: a file, or postgresql://…")
    copy.add_argument("target", metavar="TO", help="an empty workspace; a file is created if missing")
    _command(commands, "rebuild", "Replace every projection with a new fold of the log")
    _command(commands, "verify", "Compare the projections with the log; exit 1 if they differ", json=True)
    doctor = _command(
        commands, "doctor", "Check the workspace; exit 1 and the reasons if there are problems", json=True
    )
    doctor.add_argument("--repair", action="store_true", help="before that, repair what can be, after a backup")
    doctor.add_argument("--backup", metavar="PATH", help="a new file or a folder for it; default: beside the database")


def _number(least: int, most: int, expected: str) -> Callable[[str], int]:
    """Return what accepts a whole number from `least` to `most`, both inclusive."""

    def accepted(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else -1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"it is {text!r}, expected {expected}")
        return number

    return accepted


_PORT = _number(0, 65_535, "a number from 0 to 65535")
_GIGABYTES = _number(1, 1_000_000, "whole gigabytes, 1 or more")
_MINUTES = _number(1, 59, "whole minutes from 1 to 59")
_LIMIT = _number(1, 999_999_999, "a whole number, 1 or more")
