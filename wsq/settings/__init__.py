"""The settings of wsq: the only package that reads the environment and ``wsq.toml``.

A value comes from the first place that has it: an argument (a command-line flag), the environment, ``wsq.toml`` (the
one in the working directory, else the one in the user's configuration folder), the default. An empty environment
variable counts as absent. So cron, shell, notebook and dashboard use the same settings, and nothing needs HOME, USER or
LANG, which cron may not set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from wsq.errors import SettingError
from wsq.files import PRIVATE
from wsq.settings.exposure import exposed, is_loopback
from wsq.settings.sources import (
    FILE_NAME,
    VARIABLES,
    config_file,
    drop_variables_of_panel,
    file_in_use,
    flag,
    from_environment,
    from_file,
    only_in_environment,
    refuse_to_post_elsewhere,
    refuse_to_send_the_key_elsewhere,
    users_own,
    working_folder,
    write_toml,
)
from wsq.settings.values import (
    ANY_TENANT,
    DEFAULT_MODEL,
    LONGEST_PASSWORD,
    NEVER_SHOWN,
    OAUTH_PARAMS,
    OAUTH_URLS,
    POSTED_TO,
    SET_BY_PROTOCOL,
    SHORTEST_PASSWORD,
    UNDERSTOOD,
    Given,
    absolute_path,
    has_password,
    host_of,
    is_confidential,
    is_server,
    is_zone,
    without_password,
)

__all__ = [
    "ANY_TENANT",
    "FILE_NAME",
    "LONGEST_PASSWORD",
    "OAUTH_PARAMS",
    "SHORTEST_PASSWORD",
    "VARIABLES",
    "Settings",
    "config_file",
    "default_actor",
    "drop_variables_of_panel",
    "environment_for",
    "file_in_use",
    "file_path",
    "from_variable",
    "has_password",
    "host_of",
    "is_confidential",
    "is_loopback",
    "is_server",
    "load",
    "machine_timezone",
    "names_database",
    "only_in_environment",
    "refuse_half_a_login",
    "without_password",
    "write_toml",
]

DEFAULT_CONCURRENCY = 16


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a process.

    `database` is an absolute path, whose folder need not exist yet, or a PostgreSQL URL. `stores` are the ids of the
    stores to serve, None for all. Either of `api_key` and `base_url` selects the Anthropic provider, neither of them
    the offline one. Alerts are posted to `alert_url`, and each pass to `ping_url`; the digest is sent at `digest`, a
    wall time of `timezone` such as ``08:00``. These three are off unless they are given. A new database, backup or
    export has the permissions `file_mode`.

    The rest is about the login to the pages, see `wsq.views.auth`: `users` is the absolute path of the users file,
    `admin` and `admin_password` are a user without such a file, `cookie_secret` signs sessions, `origin` are the hosts
    under which browsers reach the pages, `trusted_proxies` are the networks of proxies whose ``X-Forwarded-…`` headers
    are believed, and ``oauth_…`` is the provider of identities.

    `exposed` are sentences about secrets among them that other people could read.

    The repr shows neither keys, passwords nor secrets, and of `alert_url` and `ping_url` only the host: anyone with the
    URL can post to it.
    """

    database: str
    stores: tuple[str, ...] | None = None
    timezone: str
    api_key: str | None = None
    base_url: str | None = None
    model: str = DEFAULT_MODEL
    max_concurrency: int = DEFAULT_CONCURRENCY
    file_mode: int = PRIVATE
    alert_url: str | None = None
    ping_url: str | None = None
    digest: str | None = None
    users: str | None = None
    admin: str | None = None
    admin_password: str | None = None
    cookie_secret: str | None = None
    origin: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    oauth_provider: str | None = None
    oauth_key: str | None = None
    oauth_secret: str | None = None
    oauth_redirect_uri: str | None = None
    oauth_params: tuple[tuple[str, str], ...] = ()
    exposed: tuple[str, ...] = ()

    @property
    def unsaid(self) -> str | None:
        """What cannot be sent for want of an address, in one sentence; None if all can."""
        if self.digest is None or self.alert_url is not None:
            return None
        return (
            f"{VARIABLES['digest']} is {self.digest}, but no digest is sent, since {VARIABLES['alert_url']} is not set."
        )

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # the one that msgspec provides shows everything
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        for name in NEVER_SHOWN:
            shown[name] = shown[name] and "(not shown)"
        for name in ("database", "base_url"):
            shown[name] = shown[name] and without_password(shown[name])
        for name in POSTED_TO:
            shown[name] = shown[name] and host_of(shown[name])
        return list(shown.items())


def load(
    *,
    database: str | os.PathLike[str] | None = None,
    stores: str | Sequence[str] | None = None,
    timezone: str | None = None,
    model: str | None = None,
    max_concurrency: int | str | None = None,
    users: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    flags: bool = False,
) -> Settings:
    """The settings that hold here and now; arguments go before everything else.

    With `flags` the arguments come from a command line, and a refusal names them as they were typed there:
    ``--max-concurrency`` for `max_concurrency`. `environ` replaces the variables that wsq names, and `cwd`
    the working directory; the user's own folders are the operating system's to say. Nothing is written.

    Raises:
        SettingError: a value cannot be understood, or ``wsq.toml`` cannot be read.
    """
    arguments = {
        "database": database,
        "stores": stores,
        "timezone": timezone,
        "model": model,
        "max_concurrency": max_concurrency,
        "users": users,
        "origin": origin,
    }
    folder = working_folder(cwd)
    given = from_file(folder)
    given |= from_environment(os.environ if environ is None else environ, folder)
    given |= {
        setting: Given(setting, value, flag(setting) if flags else setting, folder)
        for setting, value in arguments.items()
        if value is not None
    }
    refuse_to_send_the_key_elsewhere(given, folder)
    refuse_to_post_elsewhere(given, folder)
    return _settled(given)


def environment_for(settings: Settings) -> dict[str, str]:
    """The environment of another process of this program with the same database on a server.

    In its arguments every user of the machine would see the password. The URLs that go with it are those that this
    process has accepted.
    """
    given = {name: getattr(settings, name) for name in ("database", *POSTED_TO)}
    return {**os.environ, **{VARIABLES[name]: value for name, value in given.items() if value is not None}}


def from_variable(setting: str) -> str | None:
    """The value that this process's environment has for a setting; None if it has none."""
    given = from_environment(os.environ, None).get(setting)
    return given.value if given is not None else None


def names_database(database: str) -> str:
    """What to check when a database is not the one that was meant: the variable, the file, or the path as given."""
    try:
        if load().database != database:
            return "the path"
    except SettingError:
        return "the path"
    in_file = from_file(working_folder(None)).get("database")
    if in_file is not None and from_variable("database") is None:
        return f"database in {in_file.place.removesuffix(': database')}"
    return VARIABLES["database"]


def default_actor() -> str:
    """The operating system's user, by whom the events of this process are caused."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # neither the environment nor the system's list has a name
        user = ""
    user = user.encode("utf-8", "replace").decode().replace("\0", "").strip()
    return user or f"uid {os.getuid()}"


def machine_timezone() -> str:
    """The IANA name of this machine's time zone, ``UTC`` when it has none that is known."""
    import warnings

    from tzlocal import get_localzone_name

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            name = get_localzone_name()
    except Exception:  # noqa: BLE001 - whatever is odd about a machine's zone, work can be done in UTC
        return "UTC"
    return name if isinstance(name, str) and is_zone(name) else "UTC"


def refuse_half_a_login(settled: Settings) -> None:
    """Refuse settings of a login that lack what belongs to them; for who serves pages alone, a scheduler needs none.

    Raises:
        SettingError: What is missing, by its variable.
    """
    if settled.admin and not settled.admin_password:
        raise SettingError(f"{VARIABLES['admin_password']} is not set, expected one for {VARIABLES['admin']}.")
    asked = ("oauth_key", "oauth_secret", "oauth_redirect_uri", "oauth_params")
    if settled.oauth_provider is None:
        for setting in asked:
            if getattr(settled, setting):
                raise SettingError(f"{VARIABLES[setting]} is set, expected {VARIABLES['oauth_provider']} with it.")
        return
    for setting in ("oauth_key", "oauth_secret"):
        if getattr(settled, setting) is None:
            raise SettingError(f"{VARIABLES[setting]} is not set, expected it for {settled.oauth_provider}.")
    _refuse_unusable_parameters(settled.oauth_provider, dict(settled.oauth_params))


def _refuse_unusable_parameters(provider: str, params: Mapping[str, str]) -> None:
    variable = VARIABLES["oauth_params"]
    needed = OAUTH_PARAMS[provider] if provider != "generic" or params.get("ISSUER") else OAUTH_URLS
    missing = [name for name in needed if not params.get(name)]
    if missing:
        names = ", ".join(f"{name}=…" for name in missing)
        instead = " (or ISSUER=… instead)" if needed is OAUTH_URLS else ""
        raise SettingError(f"{variable} lacks {names}{instead}, expected it for {provider}.")
    tenant = params.get("tenant", "")
    if tenant.lower() in ANY_TENANT:
        raise SettingError(
            f"{variable} has tenant={tenant}, expected one tenant: users of another could take any name."
        )
    for name, value in params.items():
        if name in SET_BY_PROTOCOL:
            raise SettingError(f"{variable} has {name}=…, which wsq sets itself.")
        if name in ("ISSUER", *OAUTH_URLS) and not is_confidential(value):
            raise SettingError(f"{variable} has {name}={value[:200]}, expected a URL that begins with https://.")
        if name in ("url", "subdomain", "tenant", "server") and not re.fullmatch(r"[A-Za-z0-9._:-]{1,200}", value):
            raise SettingError(f"{variable} has {name}={value[:200]!r}, expected a name without a scheme and a path.")


def _settled(given: Mapping[str, Given]) -> Settings:
    understood = {setting: UNDERSTOOD[setting](each) for setting, each in given.items()}
    if "database" not in understood:
        understood["database"] = _default_database()
    if "timezone" not in understood:
        understood["timezone"] = machine_timezone()
    found = tuple(exposed(given, understood, understood.get("file_mode", PRIVATE)))
    return Settings(**understood, exposed=found)


def file_path(value: object, name: str = "path") -> Path:
    """A file that is read or written beside the database, as an absolute path; `name` is the argument's.

    Raises:
        SettingError: It is no path, but a URL for instance.
    """
    return Path(absolute_path(Given(name, value, name, working_folder(None)), "a path to a file"))


def _default_database() -> str:
    from platformdirs import user_data_path

    folder = users_own(user_data_path)
    if folder is None:
        raise SettingError("WSQ_DATABASE is not set, expected a path, since this user has no home folder.")
    return str(folder / "wsq.duckdb")
