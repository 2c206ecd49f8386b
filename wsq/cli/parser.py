"""The commands and flags of `wsq`, each with its help."""

from __future__ import annotations

import argparse
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

ABOUT = "A task board whose recurring tasks an agent carries out on schedule."
AFTER = (
    "Settings come from flags, then the environment (WSQ_DATABASE, WSQ_TIMEZONE, …), then wsq.toml. "
    "Recurring tasks run when a scheduler does: `wsq serve`, or what `wsq schedule install` sets up."
)


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence what it does not understand."""

    def error(self, message: str) -> NoReturn:
        """Raise `InvalidInput` instead of printing the usage."""
        raise InvalidInput(f"{message[:1].upper()}{message[1:]} (see `{self.prog} --help`).")


def parser() -> Parser:
    """All of `wsq`."""
    top = Parser(prog=PROGRAM, description=ABOUT, epilog=AFTER, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}", help="show the version and exit")
    commands = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _beginning(commands)
    _pages(commands)
    _users(commands)
    _schedule(commands)
    _recurring_tasks(commands)
    _stillness(commands)
    _whole(commands)
    return top


def _command(commands: Any, name: str, about: str, *, store: bool = False, json: bool = False) -> Parser:
    made: Parser = commands.add_parser(
        name, help=about[:1].lower() + about[1:], description=f"{about}.", allow_abbrev=False
    )
    made.add_argument("--database", metavar="PATH", help="the workspace: a path to a DuckDB file; else WSQ_DATABASE")
    if store:
        made.add_argument("--store", metavar="ID", default=STORE, help="the store; %(default)s when left out")
    if json:
        made.add_argument("--json", action="store_true", help="print JSON instead of text")
    return made


def _beginning(commands: Any) -> None:
    init = _command(commands, "init", "Begin a workspace here: write wsq.toml, readable by you alone")
    init.add_argument("--user", action="store_true", help="write it to your configuration folder, for every folder")
    init.add_argument("--timezone", metavar="ZONE", help="IANA zone of new stores and tasks; else this machine's")
    init.add_argument(
        "--with-key", action="store_true", help="write the key and base URL that hold now, from the environment, too"
    )
    init.add_argument("--model", metavar="ID", help="model that is asked where neither task nor store names one")
    _command(commands, "demo", "Make an example workspace in a file of its own; always offline")
    lab = commands.add_parser(
        "lab",
        help="copy the notebooks into this folder and open JupyterLab",
        description="Copy the notebooks into this folder, keeping those that you have changed, and open JupyterLab.",
        allow_abbrev=False,
    )
    lab.add_argument("--no-open", action="store_true", help="copy them only")


def _pages(commands: Any) -> None:
    serve = _command(commands, "serve", "Show the dashboards in a browser, with a scheduler beside them")
    serve.add_argument("--port", type=_port, default=PORT, metavar="N", help="port, 0 for a free one; %(default)s")
    serve.add_argument("--address", default=ADDRESS, help="address to listen on; %(default)s; others need a login")
    serve.add_argument("--origin", metavar="HOST", help="host under which a proxy serves the pages; else WSQ_ORIGIN")
    serve.add_argument("--no-scheduler", action="store_true", help="start no scheduler beside it")
    serve.add_argument("--demo", action="store_true", help="serve the example workspace, made when it is missing")


def _users(commands: Any) -> None:
    user = commands.add_parser(
        "user",
        help="say who may log in to the pages, and what they may do there",
        description="Say who may log in to the pages, and what they may do there.",
        allow_abbrev=False,
    )
    what = user.add_subparsers(metavar="WHAT", dest="what", required=True, help="add, list, role, password or remove")
    add = _of_user(what, "add", "Add a user; the password is asked for, or read from standard input")
    _roles(add)
    add.add_argument("--no-password", action="store_true", help="without one: the user comes in through a provider")
    _roles(_of_user(what, "role", "Give a user another role, and membership of other stores, in place of the former"))
    _of_user(what, "password", "Give a user another password, which ends the sessions that they have")
    _of_user(what, "remove", "Remove a user, which ends the sessions that they have")
    listed = _command(what, "list", "List the users, by name", json=True)
    listed.add_argument("--users", metavar="PATH", help="the users file; else WSQ_USERS, or beside the workspace")


def _of_user(commands: Any, name: str, about: str) -> Parser:
    made = _command(commands, name, about)
    made.add_argument("name", metavar="NAME", help="the user's name; with a provider the one that it tells")
    made.add_argument("--users", metavar="PATH", help="the users file; else WSQ_USERS, or beside the workspace")
    return made


def _roles(made: Parser) -> None:
    made.add_argument("--role", default="viewer", metavar="ROLE", help="viewer, editor or admin; %(default)s")
    made.add_argument(
        "--store", action="append", default=[], metavar="ID", help="a store, may be repeated; all of them when left out"
    )


def _schedule(commands: Any) -> None:
    schedule = commands.add_parser(
        "schedule",
        help="have this machine run wsq-process every few minutes",
        description="Have this machine run wsq-process every few minutes, with systemd, launchd or cron.",
        allow_abbrev=False,
    )
    what = schedule.add_subparsers(metavar="WHAT", dest="what", required=True, help="install, status or remove")
    install = _command(what, "install", "Install it for this workspace, in the place of an earlier one")
    install.add_argument(
        "--with", dest="by", choices=SCHEDULERS, help="systemd, launchd or cron; else the best that works here"
    )
    install.add_argument(
        "--every", type=_minutes, default=EVERY, metavar="MINUTES", help="1 to 59 minutes apart; %(default)s"
    )
    _command(what, "status", "Tell how it is; exit 1 when nothing is installed or passes are missing", json=True)
    _command(what, "remove", "Take out what install made for this workspace")


def _recurring_tasks(commands: Any) -> None:
    add = _command(commands, "add", "Add a recurring task", store=True, json=True)
    add.add_argument("name", metavar="NAME", help="what it is called")
    add.add_argument("--prompt", required=True, metavar="P", help="what the agent is to do; - reads standard input")
    add.add_argument("--every", required=True, metavar="INTERVAL", help='such as "4 hours", "1 day", "30 minutes"')
    add.add_argument("--starting", metavar="TIME", help="wall time such as 09:00, or an instant, that fixes the grid")
    add.add_argument("--timezone", metavar="ZONE", help="IANA zone of its schedule; else the store's")
    add.add_argument("--project", metavar="ID", help="project that it works in; else the whole store")
    add.add_argument("--description", metavar="TEXT", default="", help="what it is for")
    add.add_argument(
        "--missed",
        default=MISSED[0],
        metavar="POLICY",
        help=f"what happens to missed runs: {' or '.join(MISSED)}",
    )
    add.add_argument("--model", metavar="ID", help="model that is asked; else the store's or the settings'")
    add.add_argument("--assignee", action="append", default=[], metavar="NAME", help="who it is for; may be repeated")
    add.add_argument(
        "--budget", type=float, metavar="DOLLARS", help="what it may spend in a day of the store's zone; else 1 dollar"
    )
    add.add_argument(
        "--skip-unchanged", action="store_true", help="skip a slot when nothing in its project has changed since"
    )
    add.add_argument("--time-limit", metavar="TIME", default="5 minutes", help="working time it has; %(default)s")
    add.add_argument(
        "--notify", action="append", default=[], metavar="NAME", help="who is told how it ends; may be repeated"
    )
    add.add_argument(
        "--notify-on", metavar="ENDS", help=f"of which ends: {', '.join(NOTIFY_ON)}; else {','.join(DEFAULT_NOTIFY_ON)}"
    )
    _command(commands, "list", "List the recurring tasks, newest first", store=True, json=True)
    _of_one(commands, "show", "Show a recurring task and its latest execution", json=True)
    _of_one(commands, "run", "Carry a recurring task out now and show the outcome", json=True)
    history = _of_one(commands, "history", "List the executions of a recurring task, newest first", json=True)
    history.add_argument("--limit", type=_limit, default=20, metavar="N", help="how many at most; %(default)s")
    _of_one(commands, "enable", "Switch a recurring task on")
    disable = _of_one(commands, "disable", "Switch a recurring task off; what runs ends normally")
    disable.add_argument("--reason", metavar="TEXT", help="why, as the board shows it")
    _of_one(commands, "delete", "Delete a recurring task; its executions stay readable by its id")


def _of_one(commands: Any, name: str, about: str, *, json: bool = False) -> Parser:
    made = _command(commands, name, about, store=True, json=json)
    made.add_argument("task", metavar="NAME_OR_ID", help="the task's id, or its name when only one has it")
    return made


def _stillness(commands: Any) -> None:
    pause = _command(commands, "pause", "Let nothing start, in a store or in all; what runs ends normally")
    pause.add_argument("--store", metavar="ID", help="the store; all of them when left out")
    pause.add_argument(
        "--until", metavar="WHEN", help='an instant with its offset, "17:00", or "2 hours"; else until wsq resume'
    )
    pause.add_argument("--reason", metavar="TEXT", help="why, as the board shows it")
    resume = _command(commands, "resume", "Go on after a pause: what was due in it is skipped")
    resume.add_argument("--store", metavar="ID", help="the store; else the workspace's own pause is ended")
    since = _command(commands, "since", "Tell what has happened since a time", json=True)
    since.add_argument("--store", metavar="ID", help="the store; all of them when left out")
    since.add_argument(
        "when", metavar="WHEN", nargs="?", default="1 day", help='an instant, "08:00", or "2 hours" ago; %(default)s'
    )


def _whole(commands: Any) -> None:
    sql = _command(commands, "sql", "Ask the workspace in SQL: one statement, which can only read", json=True)
    sql.add_argument("query", metavar="QUERY", help='such as "select name, next_execution_at from recurring_tasks"')
    backup = _command(commands, "backup", "Copy the workspace to a new file, also while it is in use")
    backup.add_argument("path", metavar="PATH", help="the copy, which must not exist yet")
    export = _command(commands, "export", "Write all of the workspace to a file that can be read without wsq")
    export.add_argument("path", metavar="FILE", nargs="?", default="-", help="a new file; - or none is standard output")
    bring = _command(commands, "import", "Bring an exported file into a workspace that holds nothing yet")
    bring.add_argument("path", metavar="FILE", help="what `wsq export` has written")
    forget = _command(commands, "forget", "Take a contact or a document out of the record, for good", store=True)
    forget.add_argument("what", choices=("contact", "document"), help="what it is")
    forget.add_argument("id", metavar="ID", help="its id; one that was deleted can be forgotten, too")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    copy = _command(commands, "copy", "Move all of a workspace into another one, from a file to a server or back")
    copy.add_argument("source", metavar="FROM", help="a workspace: a file, or postgresql://…")
    copy.add_argument("target", metavar="TO", help="one that holds nothing yet; a file is made when it is missing")
    _command(commands, "rebuild", "Fold the log anew and replace every projection")
    _command(commands, "verify", "Compare the projections with the log; exit 1 on any difference", json=True)
    _command(commands, "doctor", "Look whether everything is healthy; exit 1 and the reasons if not", json=True)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"it is {text!r}, expected a number from 0 to 65535")
    return number


def _minutes(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0
    if not 1 <= number <= 59:
        raise argparse.ArgumentTypeError(f"it is {text!r}, expected whole minutes from 1 to 59")
    return number


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"it is {text!r}, expected a whole number, 1 or more")
    return number
