"""`wsq user`: manage who may log in to the pages, and their roles."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace

from msgspec import structs

from wsq import settings as configuration
from wsq.cli import opening
from wsq.cli.output import count, say, table
from wsq.clock import SystemClock
from wsq.errors import InvalidInput, MissingDatabase, WorkspaceError
from wsq.rules.roles import EVERYWHERE, Memberships, memberships, provider_of, refuse_mistaken_name, role
from wsq.runner.report import as_json
from wsq.views.auth import passwords
from wsq.views.auth.names import new_user_name
from wsq.views.auth.setup import FIRST_ADMIN, users_file
from wsq.views.auth.users import User, UsersFile, key


def user_command(given: Namespace) -> int:
    """Run a subcommand on the users file."""
    settings = opening.settings(given, users=given.users)
    file = users_file(settings)
    if given.users is None:  # a file that is named here may be for a workspace on another machine
        _check_workspace(given, settings)
    if given.what == "add":
        _add(file, given, admin=settings.admin or FIRST_ADMIN)
    else:
        {"list": _list, "role": _role, "password": _password, "remove": _remove}[given.what](file, given)
    return 0


def _check_workspace(given: Namespace, settings: configuration.Settings) -> None:
    """Refuse stores that the workspace does not have, and to keep users beside a workspace that is missing.

    Raises:
        MissingDatabase: There is no workspace.
        NotFound: There is no such store.
    """
    is_beside = settings.users is None and not configuration.is_server(settings.database)
    stores = getattr(given, "store", [])
    if not (is_beside or stores):
        return
    try:
        with opening.workspace(given, settings) as ws:
            opening.refuse_unknown(ws, stores)
    except MissingDatabase:
        if is_beside:
            raise
    except WorkspaceError:  # a user can be removed also while the workspace cannot be used
        if stores:
            raise


def _add(file: UsersFile, given: Namespace, admin: str) -> None:
    stores, known = memberships(role(given.role), given.store), file.users()
    name = new_user_name(given.name, [admin, *(user.name for user in known.values())])
    if key(name) in known:
        raise InvalidInput(f"There is already a user {name!r}.")  # before asking for a password
    by_provider = given.no_password or provider_of(name) is not None
    refuse_mistaken_name(name, by_provider=by_provider)
    kept = None if by_provider else passwords.hash_password(_asked(), user=name)
    file.add(User(name=name, stores=stores, since=SystemClock().now(), password=kept))
    say(f"{name} may log in as {_roles(stores)}. Saved to {file.path}.{_hint(name, stores)}")


def _role(file: UsersFile, given: Namespace) -> None:
    stores = memberships(role(given.role), given.store)
    changed = file.change(given.name, lambda user: structs.replace(user, stores=stores))
    say(f"{changed.name} is now {_roles(stores)}.{_hint(changed.name, stores)}")


def _password(file: UsersFile, given: Namespace) -> None:
    kept = passwords.hash_password(_asked(), user=given.name)

    def with_password(user: User) -> User:
        if provider_of(user.name) is not None:
            raise InvalidInput(f"{user.name} logs in through {provider_of(user.name)}, and has no password here.")
        return structs.replace(user, password=kept)

    changed = file.change(given.name, with_password)
    say(f"{changed.name} has a new password, and is logged out everywhere.")


def _remove(file: UsersFile, given: Namespace) -> None:
    say(f"{file.remove(given.name).name} may no longer log in, and is logged out everywhere.")


def _list(file: UsersFile, given: Namespace) -> None:
    users = sorted(file.users().values(), key=lambda user: user.name.casefold())
    if given.json:
        shown = [
            {"name": each.name, "email": each.email, "stores": each.stores, "password": each.password is not None}
            for each in users
        ]
        say(as_json(shown))
    elif users:
        lines = (
            [each.name, _roles(each.stores), "password" if each.password else each.email or "provider"]
            for each in users
        )
        say(table(["name", "role", "logs in with"], lines))
    else:
        say(f"{count(0, 'user')} in {file.path}.")


def _hint(name: str, stores: Memberships) -> str:
    """Return how to limit a user who was given all stores, perhaps without meaning it."""
    if EVERYWHERE not in stores:
        return ""
    command = f"wsq user role {shlex.quote(name)} --role {stores[EVERYWHERE]} --store ID"
    return f"\nNo --store was given, so that is every store, also those created later. To limit it: {command}"


def _roles(stores: Memberships) -> str:
    return ", ".join(f"{of} of {'all stores' if store == EVERYWHERE else store}" for store, of in stores.items())


def _asked() -> str:
    """Return the password: typed twice without echo, or the first line of standard input."""
    if sys.stdin is None or not sys.stdin.isatty():
        line = sys.stdin.readline() if sys.stdin is not None else ""
        return line.rstrip("\r\n")
    from getpass import getpass

    typed = getpass("Password: ")
    if getpass("Once more: ") != typed:
        raise InvalidInput("The passwords do not match. Try again.")
    return typed
