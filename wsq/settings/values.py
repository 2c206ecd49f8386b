"""What the values of settings mean: each function returns what a given value stands for, or refuses it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from wsq import errors
from wsq.errors import SettingError

DEFAULT_MODEL = "claude-sonnet-5-5"
MOST_CONCURRENCY = 1_000
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1_000
_STORE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SCHEME = re.compile(r"\s*[A-Za-z][\w+.-]*:")
_SERVER = ("postgresql://", "postgres://")
_PASSWORD = re.compile(r"(?<=:/)(/?[^/@:\s]*):\S*(?=@)|(?<=password=)[^&\s'\"]*")
_LONGEST_SHOWN = 200
_LONGEST_PATH, _LONGEST_PATH_PART = 4096, 255  # bytes, on every system that wsq runs on
_ORIGIN_EXPECTED = "a host such as wsq.example.com, or several separated by commas"

_URL = re.compile(
    r"(https?)://(?:[^/?#\s@]*@)?(\[[0-9a-f:.]+\]|[^/?#\s@:\[\]]+)(:[0-9]{1,5})?(?:[/?][!-~]*)?", re.IGNORECASE
)
POSTED_TO = ("alert_url", "ping_url")
NEVER_SHOWN = ("api_key", "admin_password", "cookie_secret", "oauth_secret")
SECRETS = (*NEVER_SHOWN, *POSTED_TO)

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
    "generic": (),
}
"""The providers that may say who somebody is, each with the parameters that it cannot do without."""

OAUTH_URLS = ("AUTHORIZE_URL", "TOKEN_URL", "USER_URL")
"""What the generic provider needs if it has no ``ISSUER``."""

SET_BY_PROTOCOL = frozenset(
    {
        *("response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce"),
        *("code", "code_challenge", "code_challenge_method", "code_verifier", "grant_type", "request", "request_uri"),
    }
)
"""Parameters of a login that cannot be chosen."""


class Given(NamedTuple):
    """A value as it was found: its setting, where that was, what a relative path starts from, and its file if any."""

    setting: str
    value: Any
    place: str
    folder: Path | None
    file: Path | None = None

    def refusal(self, expected: str) -> SettingError:
        """The error that names the setting's place, its value unless that is secret, and what was expected."""
        value = repr(self.value) if isinstance(self.value, str | os.PathLike) else errors.shown(self.value)
        shown = "(not shown)" if self.setting in SECRETS else without_password(value)
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[:_LONGEST_SHOWN] + "…"
        return SettingError(f"{self.place} is {shown}, expected {expected}.")


def host_of(url: str) -> str:
    """What may be shown of a URL whose path or query may be a secret itself: ``https://hooks.example.com/…``."""
    found = _URL.fullmatch(url)
    return f"{found[1].lower()}://{found[2]}{found[3] or ''}/…" if found else "(not shown)"


def without_password(text: str) -> str:
    """A URL, or a sentence with one in it, that may be shown."""
    return _PASSWORD.sub(lambda found: f"{found[1]}:***" if found[1] is not None else "***", text)


def has_password(text: str) -> bool:
    """Whether there is a password in a URL."""
    return without_password(text).replace("***", "") != text


def _database(given: Given) -> str:
    value = given.value
    if isinstance(value, str) and is_server(value) and "\0" not in value and _is_text(value):
        return value
    return absolute_path(given, "a path to a DuckDB file, or postgresql://…")


def absolute_path(given: Given, expected: str) -> str:
    """A path as an absolute one. A URL is none, and DuckDB's own prefixes such as ``md:`` count as one."""
    value = os.fspath(given.value) if isinstance(given.value, os.PathLike) else given.value
    if not isinstance(value, str) or not value.strip() or "\0" in value or value.startswith(":memory:"):
        raise given.refusal(expected)
    if not _is_text(value):
        raise given.refusal("a path in UTF-8")
    if scheme := SCHEME.match(value):
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
    absolute = (given.folder or path) / path
    if max(len(os.fsencode(part)) for part in absolute.parts) > _LONGEST_PATH_PART:
        raise given.refusal(f"names of at most {_LONGEST_PATH_PART} bytes in a path")
    if len(os.fsencode(absolute)) >= _LONGEST_PATH:
        raise given.refusal(f"a path of less than {_LONGEST_PATH:,} bytes")
    return str(absolute)


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


def _stores(given: Given) -> tuple[str, ...]:
    expected = "store ids separated by commas, each 1 to 64 characters of A-Z a-z 0-9 _ -"
    value = given.value
    named = value.split(",") if isinstance(value, str) else value
    if not isinstance(named, list | tuple) or not all(isinstance(each, str) for each in named):
        raise given.refusal(expected)
    ids = tuple(dict.fromkeys(each.strip() for each in named if each.strip()))
    if not ids or not all(_STORE_ID.fullmatch(each) for each in ids):
        raise given.refusal(expected)
    return ids


def _timezone(given: Given) -> str:
    if not isinstance(given.value, str) or not is_zone(given.value):
        raise given.refusal("the name of an IANA time zone such as Europe/Berlin")
    return given.value


def _text(pattern: str, expected: str, *, is_url: bool = False) -> Callable[[Given], str]:
    """What accepts a text, trimmed, that is as the pattern says; of a URL whatever its case."""

    def accepted(given: Given) -> str:
        value = given.value.strip() if isinstance(given.value, str) else ""
        if not re.fullmatch(pattern, value, re.IGNORECASE if is_url else 0) or (is_url and not _has_usable_port(value)):
            raise given.refusal(expected)
        return value

    return accepted


def _max_concurrency(given: Given) -> int:
    value = given.value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_CONCURRENCY:
        raise given.refusal(f"a whole number from 1 to {MOST_CONCURRENCY}")
    return value


def _file_mode(given: Given) -> int:
    value = f"{given.value:o}" if isinstance(given.value, int) else str(given.value).strip()
    found = re.fullmatch(r"(?:0o?)?(6[0246][0246])", value)  # TOML has numbers such as 0o640, too
    if found is None:
        raise given.refusal("octal permissions such as 0600 or 0660, with which the owner reads and writes")
    return int(found[1], 8)


def _posted_to(given: Given) -> str:
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


def _digest(given: Given) -> str:
    found = (
        re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", given.value.strip()) if isinstance(given.value, str) else None
    )
    if found is None:
        raise given.refusal("a wall time such as 08:00")
    return f"{int(found[1]):02}:{found[2]}"


def _admin(given: Given) -> str:
    value = given.value.strip() if isinstance(given.value, str) else ""
    is_reserved = value.partition(":")[0].strip().casefold() in {"agent", *OAUTH_PARAMS} and ":" in value
    if not value or len(value) > _LONGEST_SHOWN or not value.isprintable() or is_reserved:
        raise given.refusal("a user's name such as ada@example.com")
    return value


def is_confidential(url: str) -> bool:
    """Whether nobody can listen on the way to a URL: https, or this machine."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return bool(parts.scheme == "https" and parts.hostname) or (
            parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        )
    except ValueError:
        return False


def _admin_password(given: Given) -> str:
    if not isinstance(given.value, str) or not SHORTEST_PASSWORD <= len(given.value) <= LONGEST_PASSWORD:
        raise given.refusal(f"a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters")
    return given.value


def _origin(given: Given) -> tuple[str, ...]:
    parts = [part.strip() for part in given.value.split(",")] if isinstance(given.value, str) else given.value
    if not isinstance(parts, list | tuple) or not parts or not all(isinstance(part, str) for part in parts):
        raise given.refusal(_ORIGIN_EXPECTED)
    hosts = tuple(re.sub(r"(?i)^https?://|/$", "", part).lower() for part in parts)
    if not all(re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", host) for host in hosts):
        raise given.refusal(_ORIGIN_EXPECTED)
    return hosts


def _trusted_proxies(given: Given) -> tuple[str, ...]:
    from ipaddress import ip_network

    parts = given.value.split(",") if isinstance(given.value, str) else given.value
    try:
        return tuple(str(ip_network(part.strip())) for part in parts)
    except (AttributeError, TypeError, ValueError) as problem:  # neither texts nor networks
        raise given.refusal("networks such as 10.0.0.0/8, several of them separated by commas") from problem


def _oauth_provider(given: Given) -> str:
    if given.value not in OAUTH_PARAMS:
        raise given.refusal(f"one of {', '.join(OAUTH_PARAMS)}")
    return str(given.value)


def _oauth_params(given: Given) -> tuple[tuple[str, str], ...]:
    parts = given.value.split(",") if isinstance(given.value, str) else []
    pairs = tuple((name.strip(), value.strip()) for name, _, value in (part.partition("=") for part in parts))
    if not pairs or not all(re.fullmatch(r"[A-Za-z_]{1,40}", name) and value for name, value in pairs):
        raise given.refusal("NAME=VALUE, several of them separated by commas")
    return pairs


_OAUTH_TEXT = _text(r"[!-~]{1,2000}", "what the provider has given for this application")

UNDERSTOOD: dict[str, Callable[[Given], Any]] = {
    "database": _database,
    "stores": _stores,
    "timezone": _timezone,
    "api_key": _text(r"[!-~]+", "a key of visible ASCII characters"),
    "base_url": _text(r"https?://[^/\s?#]+[^\s]*", "a URL such as https://api.anthropic.com", is_url=True),
    "model": _text(r"[!-~]{1,200}", f"the id of a model such as {DEFAULT_MODEL}"),
    "max_concurrency": _max_concurrency,
    "file_mode": _file_mode,
    "alert_url": _posted_to,
    "ping_url": _posted_to,
    "digest": _digest,
    "users": lambda given: absolute_path(given, "the path of a users file"),
    "admin": _admin,
    "admin_password": _admin_password,
    "cookie_secret": _text(r"[!-~]{32,1000}", "at least 32 random visible ASCII characters"),
    "origin": _origin,
    "trusted_proxies": _trusted_proxies,
    "oauth_provider": _oauth_provider,
    "oauth_key": _OAUTH_TEXT,
    "oauth_secret": _OAUTH_TEXT,
    "oauth_redirect_uri": _text(
        r"https?://[^/\s?#]+/login/oauth", "a URL such as https://wsq.example.com/login/oauth", is_url=True
    ),
    "oauth_params": _oauth_params,
}


def is_zone(name: str) -> bool:
    """Whether `name` is a zone of the IANA database; `localtime` and the like are the machine's own."""
    from wsq import zone_rules

    if name in {"localtime", "posixrules", "Factory"} or name.startswith(("posix/", "right/")):
        return False
    try:
        zone_rules.zone(name)
    except LookupError:
        return False
    return True
