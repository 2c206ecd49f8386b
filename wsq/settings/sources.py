"""Where settings are given: the environment, and ``wsq.toml`` in the working or the configuration folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from wsq.errors import SettingError
from wsq.files import PRIVATE, Files
from wsq.settings.values import POSTED_TO, SCHEME, UNDERSTOOD, Given, is_server

FILE_NAME = "wsq.toml"

VARIABLES = {
    "database": "WSQ_DATABASE",
    "stores": "WSQ_STORES",
    "timezone": "WSQ_TIMEZONE",
    "api_key": "ANTHROPIC_API_KEY",
    "base_url": "ANTHROPIC_BASE_URL",
    "model": "WSQ_MODEL",
    "max_concurrency": "WSQ_MAX_CONCURRENCY",
    "file_mode": "WSQ_FILE_MODE",
    "alert_url": "WSQ_ALERT_URL",
    "ping_url": "WSQ_PING_URL",
    "digest": "WSQ_DIGEST",
    "users": "WSQ_USERS",
    "admin": "WSQ_ADMIN",
    "admin_password": "WSQ_ADMIN_PASSWORD",
    "cookie_secret": "WSQ_COOKIE_SECRET",
    "origin": "WSQ_ORIGIN",
    "trusted_proxies": "WSQ_TRUSTED_PROXIES",
    "oauth_provider": "WSQ_OAUTH_PROVIDER",
    "oauth_key": "WSQ_OAUTH_KEY",
    "oauth_secret": "WSQ_OAUTH_SECRET",
    "oauth_redirect_uri": "WSQ_OAUTH_REDIRECT_URI",
    "oauth_params": "WSQ_OAUTH_PARAMS",
}
"""The environment variable of each setting; the setting's own name is its key in ``wsq.toml``."""

OF_THE_DOOR = frozenset(VARIABLES) - {
    *("database", "stores", "timezone", "api_key", "base_url", "model", "max_concurrency", "file_mode"),
    *("alert_url", "ping_url", "digest"),
}
"""The settings that are about the login to the pages alone."""


_OF_PANEL = ("PANEL_", "BOKEH_")


def drop_variables_of_panel() -> list[str]:
    """Remove what Panel and Bokeh would read from this process's environment by themselves; returns the names.

    They would let other sites open sockets, replace secrets and more. Call it before Panel is imported.
    """
    names = sorted(name for name in os.environ if name.startswith(_OF_PANEL))
    for name in names:
        del os.environ[name]
    return names


def write_toml(path: str | os.PathLike[str], *, database: str | os.PathLike[str] | None = None, **others: Any) -> Path:
    """Write a ``wsq.toml`` that nobody but its owner can read, and return its absolute path.

    `path` is the file. A relative `database` is kept so when the file is in the working directory, from
    which it is meant, and made absolute otherwise. Settings of None are left out.

    Raises:
        SettingError: there is such a file already, a value would not be understood, or writing failed.
    """
    target = Path(path).expanduser().absolute()
    values = {"database": _portable(database, target.parent)} | others
    given = {name: Given(name, value, name, target.parent) for name, value in values.items() if value is not None}
    for setting, each in given.items():
        UNDERSTOOD[setting](each)
    lines = [f"{setting} = {_toml(each.value)}\n" for setting, each in given.items()]
    text = "# Settings of wsq; the environment and command-line flags go before them.\n" + "".join(lines)
    _write_anew(target, text, _beside(target, values["database"]))
    return target


def _beside(target: Path, database: str | None) -> Files:
    """What creates the file: it belongs to the user of the database in the same folder, who reads it with that."""
    if database is None or is_server(database):
        return Files(None)
    file = target.parent / Path(database).expanduser()
    return Files(file if file.parent == target.parent else None)


def file_in_use(cwd: str | os.PathLike[str] | None = None) -> Path | None:
    """The ``wsq.toml`` that holds here: the working directory's, else the user's; None when there is neither."""
    folder = working_folder(cwd)
    places = (folder / FILE_NAME if folder else None, config_file())
    return next((place for place in places if place is not None and place.exists()), None)


def only_in_environment(
    environ: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """The settings that a process without this environment would not see, by name.

    Without the database, and without those of the login, which a scheduler does not ask for.
    """
    folder = working_folder(cwd)
    set_here = from_environment(os.environ if environ is None else environ, folder)
    unasked = OF_THE_DOOR | {"database"} | from_file(folder).keys()
    return tuple(setting for setting in set_here if setting not in unasked)


def in_voila() -> bool:
    """Whether this process is a kernel that Voilà has started, which says so in its environment."""
    return "VOILA_BASE_URL" in os.environ


def config_file() -> Path | None:
    """Where the user's own ``wsq.toml`` is or would be; None for a user without a home folder."""
    from platformdirs import user_config_path

    folder = users_own(user_config_path)
    return folder / FILE_NAME if folder else None


def flag(setting: str) -> str:
    """The command-line flag of a setting."""
    return f"--{setting.replace('_', '-')}"


def working_folder(cwd: str | os.PathLike[str] | None) -> Path | None:
    """The working directory; None when it has been removed under the process."""
    try:
        return Path(cwd or ".").absolute()
    except FileNotFoundError:
        return None


def from_environment(environ: Mapping[str, str], folder: Path | None) -> dict[str, Given]:
    """What environment variables set, by setting; empty ones count as absent."""
    return {
        setting: Given(setting, value, variable, folder)
        for setting, variable in VARIABLES.items()
        if (value := environ.get(variable, "").strip())
    }


def from_file(folder: Path | None) -> dict[str, Given]:
    """What the first ``wsq.toml`` says: the working directory's, else the user's."""
    here = _read_toml(folder / FILE_NAME) if folder else None
    if here is not None:
        return here
    users = config_file()
    return (_read_toml(users) if users else None) or {}


def _read_toml(path: Path) -> dict[str, Given] | None:
    """What a file says, by setting; None when there is no such file."""
    try:
        with path.open("rb") as file:
            import tomllib

            found = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise SettingError(f"{path} cannot be read: {problem.strerror or problem}.") from problem
    except ValueError as problem:  # no TOML, or no UTF-8
        raise SettingError(f"{path} cannot be understood, expected TOML: {problem}.") from problem
    for key in found.keys() - VARIABLES.keys():  # without its value, which may be a misspelt key's secret
        raise SettingError(f"{path} has the key {key!r}, expected only {', '.join(VARIABLES)}.")
    return {key: Given(key, value, f"{path}: {key}", path.parent, path) for key, value in found.items()}


def refuse_to_send_the_key_elsewhere(given: Mapping[str, Given], folder: Path | None) -> None:
    """Refuse a `base_url` from the working directory's file for a key from the environment."""
    key, url = given.get("api_key"), given.get("base_url")
    if key and url and key.place == VARIABLES["api_key"] and _came_with(folder, url):
        raise url.refusal(f"it in {VARIABLES['base_url']}, since the key comes from {key.place}")


def refuse_to_post_elsewhere(given: Mapping[str, Given], folder: Path | None) -> None:
    """Refuse URLs to post to from the working directory's file for a database from the environment.

    A database from the command line is allowed: this is how installed schedules name the one of their folder.
    """
    database = given.get("database")
    if database is None or database.place != VARIABLES["database"]:
        return
    for url in (given[setting] for setting in POSTED_TO if setting in given):
        if _came_with(folder, url):
            raise url.refusal(f"it in {VARIABLES[url.setting]}, since the database comes from {database.place}")


def _came_with(folder: Path | None, given: Given) -> bool:
    return folder is not None and given.place.startswith(f"{folder / FILE_NAME}:")


def users_own(folder: Callable[..., Path]) -> Path | None:
    """One of the user's folders; None without a home, for which platformdirs raises or leaves a tilde."""
    try:
        path = folder("wsq", appauthor=False)
    except RuntimeError:
        return None
    return path if path.is_absolute() else None


def _portable(database: str | os.PathLike[str] | None, folder: Path) -> str | None:
    """The database as a file in `folder` must name it to mean what it means in the working directory."""
    if database is None:
        return None
    text = os.fspath(database)
    is_path = text.strip() and not SCHEME.match(text) and not text.startswith(("~", ":"))
    return str(Path(text).absolute()) if is_path and folder != Path.cwd() else text


def _toml(value: Any) -> str:
    """A value as TOML writes it; a string in JSON is one in TOML but for DEL."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _write_anew(target: Path, text: str, files: Files) -> None:
    try:
        files.folder(target.parent, PRIVATE, parents=True)
        if target.exists():
            raise SettingError(f"{target} is there already, and is not overwritten.")
        with os.fdopen(files.create(target, PRIVATE), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise SettingError(f"{target} cannot be written: {problem.strerror or problem}.") from problem
