"""Secrets in the settings that other people could read."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wsq.settings.sources import VARIABLES
from wsq.settings.values import SECRETS, Given, has_password, host_of

READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH


def exposed(given: Mapping[str, Given], understood: Mapping[str, Any], mode: int) -> Iterator[str]:
    """Yield a sentence for each file of settings, and each URL, that does not keep a secret.

    Args:
        given: The settings as they were found.
        understood: What they mean.
        mode: The permissions that new files get: to whom they give access may read the settings, too.
    """
    by_file: dict[Path, list[str]] = {}
    for name, each in given.items():
        if each.file is not None and (name in SECRETS or has_password(str(each.value))):
            by_file.setdefault(each.file, []).append(name)
    for file, names in by_file.items():
        found = stat.S_IMODE(file.stat().st_mode)
        if found & READ_BY_OTHERS & ~mode:
            yield (
                f"{file} contains {', '.join(names)}, and other users of this machine can read it (mode {found:04o}). "
                f"Run chmod {mode:o} {file}."
            )
    yield from _unencrypted("api_key", "base_url", understood, [understood.get("base_url", "")])
    yield from _unencrypted(
        "oauth_secret", "oauth_params", understood, dict(understood.get("oauth_params", ())).values()
    )


def _unencrypted(secret: str, setting: str, understood: Mapping[str, Any], urls: Iterable[str]) -> Iterator[str]:
    for url in urls if understood.get(secret) else ():
        if url.lower().startswith("http://") and not _is_here(url):
            yield (
                f"{VARIABLES[secret]} is sent to {host_of(url)} without encryption, and anyone on the way can read it. "
                f"Use https:// in {VARIABLES[setting]}."
            )


def _is_here(url: str) -> bool:
    from urllib.parse import urlsplit

    return is_loopback(urlsplit(url).hostname or "")


def is_loopback(address: str) -> bool:
    """Whether an address is only reachable from this machine."""
    from ipaddress import ip_address

    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:
        return False
