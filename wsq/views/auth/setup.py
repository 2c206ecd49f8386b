"""Where the door's parts are: the users file, the secret that signs sessions, the provider."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from wsq import settings as configuration
from wsq.api import Workspace
from wsq.errors import SettingError
from wsq.settings import VARIABLES, Settings
from wsq.views.auth.authenticator import Door, Provider, first_admin
from wsq.views.auth.users import UsersFile

FIRST_ADMIN = "admin"
"""Who the admin is whose password stands in the settings, when these do not name them."""


def users_file(settings: Settings) -> UsersFile:
    """The users file that the settings name, else the one beside the workspace; it need not be there.

    Raises:
        SettingError: The workspace is in a database server, and this user has no folder of their own.
    """
    if settings.users is not None:
        return UsersFile(Path(settings.users))
    if "://" not in settings.database:
        return UsersFile(Path(f"{settings.database}.users.json"))
    own = configuration.config_file()
    if own is None:
        raise SettingError(f"{VARIABLES['users']} is not set, expected a path, since this user has no home folder.")
    return UsersFile(own.with_name("users.json"))


def is_set_up(settings: Settings) -> bool:
    """Whether the settings or a users file say who may come in."""
    asked = settings.users or settings.admin_password or settings.oauth_provider
    return bool(asked) or _users(settings).path.exists()


def door_of(workspace: Workspace, settings: Settings) -> Door | None:
    """The door, where the settings or a users file say who may come in; None where nothing does.

    Raises:
        SettingError: Something is said, but nobody could come in, or sessions could not be signed.
    """
    configuration.refuse_half_a_login(settings)
    users = _users(settings)
    if not is_set_up(settings):
        return None
    secret = settings.cookie_secret or _kept_secret(users.path)
    door = Door(
        workspace,
        users,
        secret,
        admin=first_admin(settings.admin or FIRST_ADMIN, settings.admin_password, secret)
        if settings.admin_password
        else None,
        provider=_provider(settings),
    )
    if not door.anybody():
        raise SettingError(f"{users.path} names nobody, expected a user who may log in: `wsq user add` adds one.")
    return door


def _users(settings: Settings) -> UsersFile:
    try:
        return users_file(settings)
    except SettingError:  # no place for one: whom the settings name is enough, and else there is no login
        return UsersFile(Path(os.devnull, "users.json"))


def _provider(settings: Settings) -> Provider | None:
    if settings.oauth_provider is None or settings.oauth_key is None or settings.oauth_secret is None:
        return None
    return Provider(
        name=settings.oauth_provider,
        client=settings.oauth_key,
        secret=settings.oauth_secret,
        redirect_uri=settings.oauth_redirect_uri,
        params=dict(settings.oauth_params),
    )


def _kept_secret(users: Path) -> str:
    """The secret that is kept beside the users file, made when it is missing; readable by its owner alone."""
    path = users.with_name(f"{users.name}.secret")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            kept = path.read_text("ascii").strip()
        else:
            kept = secrets.token_urlsafe(48)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(kept)
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "it is damaged"
        raise SettingError(
            f"{path}, which signs sessions, cannot be used: {why}; {VARIABLES['cookie_secret']} takes its place."
        ) from problem
    if len(kept) < 32:
        raise SettingError(f"{path}, which signs sessions, is damaged; remove it, and everybody logs in anew.")
    return kept
