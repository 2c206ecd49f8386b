"""What wsq is told from outside: the only file that reads the environment and ``wsq.toml``.

A value comes from the first place that has it: an argument (a command-line flag), the environment,
``wsq.toml`` (the one in the working directory, else the one in the user's configuration folder), the
default. An empty environment variable counts as absent. So cron, shell, notebook and dashboard see the
same, and none of it needs HOME, USER or LANG, which cron may not set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from wsq.errors import SettingError

FILE_NAME = "wsq.toml"
DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_CONCURRENCY = 16
MOST_CONCURRENCY = 1_000
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1_000

VARIABLES = {
    "database": "WSQ_DATABASE",
    "stores": "WSQ_STORES",
    "timezone": "WSQ_TIMEZONE",
    "api_key": "ANTHROPIC_API_KEY",
    "base_url": "ANTHROPIC_BASE_URL",
    "model": "WSQ_MODEL",
    "max_concurrency": "WSQ_MAX_CONCURRENCY",
    "alert_url": "WSQ_ALERT_URL",
    "ping_url": "WSQ_PING_URL",
    "digest": "WSQ_DIGEST",
    "users": "WSQ_USERS",
    "admin": "WSQ_ADMIN",
    "admin_password": "WSQ_ADMIN_PASSWORD",
    "cookie_secret": "WSQ_COOKIE_SECRET",
    "origin": "WSQ_ORIGIN",
    "oauth_provider": "WSQ_OAUTH_PROVIDER",
    "oauth_key": "WSQ_OAUTH_KEY",
    "oauth_secret": "WSQ_OAUTH_SECRET",
    "oauth_redirect_uri": "WSQ_OAUTH_REDIRECT_URI",
    "oauth_params": "WSQ_OAUTH_PARAMS",
}
"""The environment variable of each setting; the setting's own name is its key in ``wsq.toml``."""

OF_THE_DOOR = frozenset(VARIABLES) - {
    *("database", "stores", "timezone", "api_key", "base_url", "model", "max_concurrency"),
    *("alert_url", "ping_url", "digest"),
}
"""The settings that are about the login to the pages alone."""

_STORE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCHEME = re.compile(r"\s*[A-Za-z][\w+.-]*:")
_SERVER = ("postgresql://", "postgres://")
_PASSWORD = re.compile(r"(?<=:/)(/?[^/@:\s]*):\S*(?=@)|(?<=password=)[^&\s'\"]*")
_LONGEST_SHOWN = 200
_ORIGIN_EXPECTED = "a host such as wsq.example.com, or several separated by commas"
_URL = re.compile(
    r"(https?)://(?:[^/?#\s@]*@)?(\[[0-9a-f:.]+\]|[^/?#\s@:\[\]]+)(:[0-9]{1,5})?(?:[/?][!-~]*)?", re.IGNORECASE
)
_POSTED_TO = ("alert_url", "ping_url")
_KEPT = ("api_key", "admin_password", "cookie_secret", "oauth_secret")
_SECRET = (*_KEPT, *_POSTED_TO)

ANY_TENANT = frozenset({"common", "organizations", "consumers"})
"""What Azure knows as a tenant and is none. Each tenant says for itself which e-mail addresses its people have."""

OAUTH_PARAMS = {
    "github": (),
    "google": (),
    "bitbucket": (),
    "gitlab": (),
    "azure": ("tenant",),
    "azurev2": ("tenant",),
    "auth0": ("subdomain",),
    "okta": ("url",),
    "generic": ("AUTHORIZE_URL", "TOKEN_URL", "USER_URL"),
}
"""The providers that may say who somebody is, each with the parameters that it cannot do without."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every process of one user goes by.

    `database` is an absolute path or a PostgreSQL URL; the path's folder may be missing still. `stores`
    are the ids that are served, None for all. Either of `api_key` and `base_url` selects the Anthropic
    provider; with neither it is the offline one. What is to be known outside goes to `alert_url`, that
    passes are made to `ping_url`; `digest` is the wall time of `timezone`, as ``08:00``, at which a day is
    summed up. None of the three is there unless it is given. Showing a value of this class never shows the
    key, nor a password in a URL, nor more of `alert_url` and `ping_url` than their hosts: who knows them may post
    there. Nor does it show the other secrets, all of which are for the login to the pages, see `wsq.views.auth`:
    `users` is the absolute path of the users file, `admin` and `admin_password` a user that needs none,
    `cookie_secret` what sessions are signed with, `origin` hosts under which browsers know the pages, and the rest
    a provider that says who somebody is.
    """

    database: str
    stores: tuple[str, ...] | None
    timezone: str
    api_key: str | None
    base_url: str | None
    model: str
    max_concurrency: int
    alert_url: str | None = None
    ping_url: str | None = None
    digest: str | None = None
    users: str | None = None
    admin: str | None = None
    admin_password: str | None = None
    cookie_secret: str | None = None
    origin: tuple[str, ...] = ()
    oauth_provider: str | None = None
    oauth_key: str | None = None
    oauth_secret: str | None = None
    oauth_redirect_uri: str | None = None
    oauth_params: tuple[tuple[str, str], ...] = ()

    @property
    def unsaid(self) -> str | None:
        """What is asked for and cannot be told, since it is not said where to, in one sentence; None when all can."""
        if self.digest is None or self.alert_url is not None:
            return None
        return (
            f"{VARIABLES['digest']} is {self.digest}, but no digest is sent, since {VARIABLES['alert_url']} is not set."
        )

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # the one that msgspec provides shows everything
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        for name in _KEPT:
            shown[name] = shown[name] and "(not shown)"
        for name in ("database", "base_url"):
            shown[name] = shown[name] and without_password(shown[name])
        for name in _POSTED_TO:
            shown[name] = shown[name] and host_of(shown[name])
        return list(shown.items())


class _Given(NamedTuple):
    """A value as it was found: its setting, where that was, and what a relative path starts from."""

    setting: str
    value: Any
    place: str
    folder: Path | None

    def refusal(self, expected: str) -> SettingError:
        shown = "(not shown)" if self.setting in _SECRET else without_password(repr(self.value))
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[:_LONGEST_SHOWN] + "…"
        return SettingError(f"{self.place} is {shown}, expected {expected}.")


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
    folder = _working_folder(cwd)
    given = _from_file(folder)
    given |= _from_environment(os.environ if environ is None else environ, folder)
    given |= {
        setting: _Given(setting, value, _flag(setting) if flags else setting, folder)
        for setting, value in arguments.items()
        if value is not None
    }
    _refuse_to_send_the_key_elsewhere(given, folder)
    _refuse_to_tell_elsewhere(given, folder)
    return _settled(given)


def write_toml(
    path: str | os.PathLike[str],
    *,
    database: str | os.PathLike[str] | None = None,
    stores: str | Sequence[str] | None = None,
    timezone: str | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
    max_concurrency: int | str | None = None,
    alert_url: str | None = None,
    ping_url: str | None = None,
    digest: str | None = None,
) -> Path:
    """Write a ``wsq.toml`` that nobody but its owner can read, and return its absolute path.

    `path` is the file. A relative `database` is kept so when the file is in the working directory, from
    which it is meant, and made absolute otherwise.

    Raises:
        SettingError: there is such a file already, a value would not be understood, or writing failed.
    """
    target = Path(path).expanduser().absolute()
    values = {
        "database": _portable(database, target.parent),
        "stores": stores,
        "timezone": timezone,
        "api_key": api_key,
        "base_url": base_url,
        "model": model,
        "max_concurrency": max_concurrency,
        "alert_url": alert_url,
        "ping_url": ping_url,
        "digest": digest,
    }
    given = {name: _Given(name, value, name, target.parent) for name, value in values.items() if value is not None}
    for setting, each in given.items():
        _UNDERSTOOD[setting](each)
    lines = [f"{setting} = {_toml(each.value)}\n" for setting, each in given.items()]
    _write_anew(target, "# Settings of wsq; the environment and command-line flags go before them.\n" + "".join(lines))
    return target


def file_in_use(cwd: str | os.PathLike[str] | None = None) -> Path | None:
    """The ``wsq.toml`` that holds here: the working directory's, else the user's; None when there is neither."""
    folder = _working_folder(cwd)
    places = (folder / FILE_NAME if folder else None, config_file())
    return next((place for place in places if place is not None and place.exists()), None)


def only_in_environment(
    environ: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """The settings that a process without this environment would not see, by name.

    Without the database, and without those of the login, which a scheduler does not ask for.
    """
    folder = _working_folder(cwd)
    set_here = _from_environment(os.environ if environ is None else environ, folder)
    unasked = OF_THE_DOOR | {"database"} | _from_file(folder).keys()
    return tuple(setting for setting in set_here if setting not in unasked)


def config_file() -> Path | None:
    """Where the user's own ``wsq.toml`` is or would be; None for a user without a home folder."""
    from platformdirs import user_config_path

    folder = _users_own(user_config_path)
    return folder / FILE_NAME if folder else None


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
    return name if isinstance(name, str) and _is_zone(name) else "UTC"


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
    missing = [name for name in OAUTH_PARAMS[settled.oauth_provider] if not dict(settled.oauth_params).get(name)]
    if missing:
        names = ", ".join(f"{name}=…" for name in missing)
        raise SettingError(f"{VARIABLES['oauth_params']} lacks {names}, expected it for {settled.oauth_provider}.")
    tenant = dict(settled.oauth_params).get("tenant", "")
    if tenant.lower() in ANY_TENANT:
        raise SettingError(
            f"{VARIABLES['oauth_params']} has tenant={tenant}, expected one tenant: whoever has another could take any "
            "name."
        )


def host_of(url: str) -> str:
    """What may be shown of a URL whose path or query may be a secret itself: ``https://hooks.example.com/…``."""
    found = _URL.fullmatch(url)
    return f"{found[1].lower()}://{found[2]}{found[3] or ''}/…" if found else "(not shown)"


def without_password(text: str) -> str:
    """A URL, or a sentence with one in it, that may be shown."""
    return _PASSWORD.sub(lambda found: f"{found[1]}:***" if found[1] is not None else "***", text)


# Where values come from


def _flag(setting: str) -> str:
    return f"--{setting.replace('_', '-')}"


def _working_folder(cwd: str | os.PathLike[str] | None) -> Path | None:
    """The working directory; None when it has been removed under the process."""
    try:
        return Path(cwd or ".").absolute()
    except FileNotFoundError:
        return None


def _from_environment(environ: Mapping[str, str], folder: Path | None) -> dict[str, _Given]:
    return {
        setting: _Given(setting, value, variable, folder)
        for setting, variable in VARIABLES.items()
        if (value := environ.get(variable, "").strip())
    }


def _from_file(folder: Path | None) -> dict[str, _Given]:
    """What the first ``wsq.toml`` says: the working directory's, else the user's."""
    here = _read_toml(folder / FILE_NAME) if folder else None
    if here is not None:
        return here
    users = config_file()
    return (_read_toml(users) if users else None) or {}


def _read_toml(path: Path) -> dict[str, _Given] | None:
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
    return {key: _Given(key, value, f"{path}: {key}", path.parent) for key, value in found.items()}


def _refuse_to_send_the_key_elsewhere(given: Mapping[str, _Given], folder: Path | None) -> None:
    """A file that came with a folder must not direct a key that it does not hold to a place it names."""
    key, url = given.get("api_key"), given.get("base_url")
    if key and url and key.place == VARIABLES["api_key"] and _came_with(folder, url):
        raise url.refusal(f"it in {VARIABLES['base_url']}, since the key comes from {key.place}")


def _refuse_to_tell_elsewhere(given: Mapping[str, _Given], folder: Path | None) -> None:
    """Nor have names and errors of the environment's database told to one.

    A database that was named on the command line is not meant: so installed schedules name the one of their folder.
    """
    database = given.get("database")
    if database is None or database.place != VARIABLES["database"]:
        return
    for url in (given[setting] for setting in _POSTED_TO if setting in given):
        if _came_with(folder, url):
            raise url.refusal(f"it in {VARIABLES[url.setting]}, since the database comes from {database.place}")


def _came_with(folder: Path | None, given: _Given) -> bool:
    return folder is not None and given.place.startswith(f"{folder / FILE_NAME}:")


# What values mean


def _settled(given: Mapping[str, _Given]) -> Settings:
    understood = {setting: _UNDERSTOOD[setting](each) for setting, each in given.items()}
    return Settings(
        database=understood.get("database") or _default_database(),
        stores=understood.get("stores"),
        timezone=understood.get("timezone") or machine_timezone(),
        api_key=understood.get("api_key"),
        base_url=understood.get("base_url"),
        model=understood.get("model", DEFAULT_MODEL),
        max_concurrency=understood.get("max_concurrency", DEFAULT_CONCURRENCY),
        alert_url=understood.get("alert_url"),
        ping_url=understood.get("ping_url"),
        digest=understood.get("digest"),
        users=understood.get("users"),
        admin=understood.get("admin"),
        admin_password=understood.get("admin_password"),
        cookie_secret=understood.get("cookie_secret"),
        origin=understood.get("origin", ()),
        oauth_provider=understood.get("oauth_provider"),
        oauth_key=understood.get("oauth_key"),
        oauth_secret=understood.get("oauth_secret"),
        oauth_redirect_uri=understood.get("oauth_redirect_uri"),
        oauth_params=understood.get("oauth_params", ()),
    )


def _database(given: _Given) -> str:
    value = given.value
    if isinstance(value, str) and is_server(value) and "\0" not in value and _is_text(value):
        return value
    return _path(given, "a path to a DuckDB file, or postgresql://…")


def _path(given: _Given, expected: str) -> str:
    """A path as an absolute one. A URL is none, and DuckDB's own prefixes such as ``md:`` count as one."""
    value = os.fspath(given.value) if isinstance(given.value, os.PathLike) else given.value
    if not isinstance(value, str) or not value.strip() or "\0" in value or value.startswith(":memory:"):
        raise given.refusal(expected)
    if not _is_text(value):
        raise given.refusal("a path in UTF-8")
    if scheme := _SCHEME.match(value):
        if isinstance(given.value, os.PathLike):
            raise given.refusal(f"{expected}; a URL is a string and no path")
        if not value.startswith("/", scheme.end()):
            raise given.refusal(f"./ before it if it is the name of a file, else {expected}")
        raise given.refusal(expected)
    try:
        path = Path(value).expanduser()
    except RuntimeError as problem:
        raise given.refusal("a path, and the home folder that it names is not known") from problem
    if not path.is_absolute() and given.folder is None:
        raise given.refusal("an absolute path, since the working directory is gone")
    return str((given.folder or path) / path)


def file_path(value: str | os.PathLike[str], name: str = "path") -> Path:
    """A file that is read or written beside the database, as an absolute path; `name` is the argument's.

    Raises:
        SettingError: It is no path, but a URL for instance.
    """
    return Path(_path(_Given(name, value, name, _working_folder(None)), "a path to a file"))


def is_server(database: str) -> bool:
    """Whether a setting of the database is a PostgreSQL URL."""
    return database.startswith(_SERVER)


def _is_text(value: str) -> bool:
    """Whether it can be written in UTF-8: bytes of a name that are none come as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stores(given: _Given) -> tuple[str, ...]:
    expected = "store ids separated by commas, each 1 to 64 characters of A-Z a-z 0-9 _ -"
    value = given.value
    named = value.split(",") if isinstance(value, str) else value
    if not isinstance(named, list | tuple) or not all(isinstance(each, str) for each in named):
        raise given.refusal(expected)
    ids = tuple(dict.fromkeys(each.strip() for each in named if each.strip()))
    if not ids or not all(_STORE_ID.fullmatch(each) for each in ids):
        raise given.refusal(expected)
    return ids


def _timezone(given: _Given) -> str:
    if not isinstance(given.value, str) or not _is_zone(given.value):
        raise given.refusal("the name of an IANA time zone such as Europe/Berlin")
    return given.value


def _api_key(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not re.fullmatch(r"[!-~]+", value):
        raise given.refusal("a key of visible ASCII characters")
    return value


def _base_url(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not re.fullmatch(r"https?://[^/\s?#]+[^\s]*", value, re.IGNORECASE) or not _has_usable_port(value):
        raise given.refusal("a URL such as https://api.anthropic.com")
    return value


def _model(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not re.fullmatch(r"[!-~]{1,200}", value):
        raise given.refusal(f"the id of a model such as {DEFAULT_MODEL}")
    return value


def _max_concurrency(given: _Given) -> int:
    value = given.value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_CONCURRENCY:
        raise given.refusal(f"a whole number from 1 to {MOST_CONCURRENCY}")
    return value


def _posted_to(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not _URL.fullmatch(value):
        raise given.refusal("a URL that begins with https:// or http:// and a host")
    if not _has_usable_port(value):
        raise given.refusal("a URL whose port is from 1 to 65535")
    return value


def _has_usable_port(url: str) -> bool:
    """Whether it names none, or one that there can be."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).port != 0
    except ValueError:  # more than 65,535, or no number
        return False


def _digest(given: _Given) -> str:
    found = (
        re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", given.value.strip()) if isinstance(given.value, str) else None
    )
    if found is None:
        raise given.refusal("a wall time such as 08:00")
    return f"{int(found[1]):02}:{found[2]}"


def _users(given: _Given) -> str:
    return _path(given, "the path of a users file")


def _admin(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not value or len(value) > _LONGEST_SHOWN or not value.isprintable() or value.startswith("agent:"):
        raise given.refusal("a user's name such as ada@example.com")
    return value


def _admin_password(given: _Given) -> str:
    if not isinstance(given.value, str) or not SHORTEST_PASSWORD <= len(given.value) <= LONGEST_PASSWORD:
        raise given.refusal(f"a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters")
    return given.value


def _cookie_secret(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not re.fullmatch(r"[!-~]{32,1000}", value):
        raise given.refusal("at least 32 random visible ASCII characters")
    return value


def _origin(given: _Given) -> tuple[str, ...]:
    parts = [part.strip() for part in given.value.split(",")] if isinstance(given.value, str) else given.value
    if not isinstance(parts, list | tuple) or not parts or not all(isinstance(part, str) for part in parts):
        raise given.refusal(_ORIGIN_EXPECTED)
    hosts = tuple(re.sub(r"(?i)^https?://|/$", "", part).lower() for part in parts)
    if not all(re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", host) for host in hosts):
        raise given.refusal(_ORIGIN_EXPECTED)
    return hosts


def _oauth_provider(given: _Given) -> str:
    if given.value not in OAUTH_PARAMS:
        raise given.refusal(f"one of {', '.join(OAUTH_PARAMS)}")
    return str(given.value)


def _oauth_text(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not re.fullmatch(r"[!-~]{1,2000}", value):
        raise given.refusal("what the provider has given for this application")
    return value


def _oauth_redirect_uri(given: _Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    if not re.fullmatch(r"https?://[^/\s?#]+/login/oauth", value, re.IGNORECASE) or not _has_usable_port(value):
        raise given.refusal("a URL such as https://wsq.example.com/login/oauth")
    return value


def _oauth_params(given: _Given) -> tuple[tuple[str, str], ...]:
    parts = given.value.split(",") if isinstance(given.value, str) else []
    pairs = tuple((name.strip(), value.strip()) for name, _, value in (part.partition("=") for part in parts))
    if not pairs or not all(re.fullmatch(r"[A-Za-z_]{1,40}", name) and value for name, value in pairs):
        raise given.refusal("NAME=VALUE, several of them separated by commas")
    return pairs


_UNDERSTOOD: dict[str, Callable[[_Given], Any]] = {
    "database": _database,
    "stores": _stores,
    "timezone": _timezone,
    "api_key": _api_key,
    "base_url": _base_url,
    "model": _model,
    "max_concurrency": _max_concurrency,
    "alert_url": _posted_to,
    "ping_url": _posted_to,
    "digest": _digest,
    "users": _users,
    "admin": _admin,
    "admin_password": _admin_password,
    "cookie_secret": _cookie_secret,
    "origin": _origin,
    "oauth_provider": _oauth_provider,
    "oauth_key": _oauth_text,
    "oauth_secret": _oauth_text,
    "oauth_redirect_uri": _oauth_redirect_uri,
    "oauth_params": _oauth_params,
}


def _is_zone(name: str) -> bool:
    """Whether `name` is a zone of the IANA database; `localtime` and the like are the machine's own."""
    from zoneinfo import ZoneInfo

    if name in {"localtime", "posixrules", "Factory"} or name.startswith(("posix/", "right/")):
        return False
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


def _users_own(folder: Callable[..., Path]) -> Path | None:
    """One of the user's folders; None without a home, for which platformdirs raises or leaves a tilde."""
    try:
        path = folder("wsq", appauthor=False)
    except RuntimeError:
        return None
    return path if path.is_absolute() else None


def _default_database() -> str:
    from platformdirs import user_data_path

    folder = _users_own(user_data_path)
    if folder is None:
        raise SettingError("WSQ_DATABASE is not set, expected a path, since this user has no home folder.")
    return str(folder / "wsq.duckdb")


# Writing


def _portable(database: str | os.PathLike[str] | None, folder: Path) -> str | None:
    """The database as a file in `folder` must name it to mean what it means in the working directory."""
    if database is None:
        return None
    text = os.fspath(database)
    is_path = text.strip() and not _SCHEME.match(text) and not text.startswith(("~", ":"))
    return str(Path(text).absolute()) if is_path and folder != Path.cwd() else text


def _toml(value: Any) -> str:
    """A value as TOML writes it; a string in JSON is one in TOML but for DEL."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _write_anew(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            raise SettingError(f"{target} is there already, and is not overwritten.")
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise SettingError(f"{target} cannot be written: {problem.strerror or problem}.") from problem
