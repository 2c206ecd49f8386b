"""What is accepted from people, scripts and models: each function returns the cleaned value or refuses.

A refusal is an `InvalidInput` whose one sentence names the field, the value (shortened) and what was
expected. Lengths are counted in characters. Text may hold any Unicode but U+0000, which PostgreSQL
cannot store, and lone surrogates, which UTF-8 cannot.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import UNSET

from wsq import errors, zone_rules
from wsq.errors import InvalidInput
from wsq.vocabulary import LANES, MISSED, NOTIFY_ON

LONGEST_NAME = 200
LONGEST_TEXT = 20_000
LONGEST_CONTENT = 1_000_000
MOST_ASSIGNEES = 50
MOST_LISTED = 2**31 - 1
LARGEST = 2**63 - 1
SHORTEST_TIME_LIMIT = timedelta(seconds=1)
LONGEST_TIME_LIMIT = timedelta(hours=1)

_STORE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *([a-z]+)", re.IGNORECASE)
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
}
_OF_ONE_MACHINE = ("localtime", "posixrules", "Factory")
_OTHER_CLOCKS = ("posix/", "right/")  # the same zones again, the latter counting leap seconds
_PUBLIC = ".example.com"
_COMPARED = 1_000
_OWN_TYPES = frozenset({str, int, float, bool, bytes, datetime, date, timedelta, type(None), type(UNSET)})
_COUNTED_IN_UNITS = ("datetime64", "timedelta64")
"""Scalars of numpy whose numbers mean nothing without their unit."""


def refusal(what: str, value: object, expected: str) -> InvalidInput:
    """The error that says in one sentence that `what` is `value` where something else was expected."""
    return InvalidInput(f"{what} is {shown(value)}, expected {expected}.")


def shown(value: object) -> str:
    """`value` as a message shows it: quoted, on one line, at most some sixty characters of it."""
    if isinstance(value, str):
        return repr(value if len(value) <= errors.LONGEST_SHOWN else value[: errors.LONGEST_SHOWN - 1] + "…")
    return errors.shown(value)


def plain(value: Any) -> Any:
    """`value` as Python's own type, for instances of subclasses and for scalars and arrays of numpy and pandas.

    So what is checked and stored is what the value shows itself to be. Fractions of a microsecond are dropped. Anything
    else is returned as it is, for others to refuse.
    """
    kind = type(value)
    if kind in _OWN_TYPES:
        return value
    try:
        own = _own(value)
    except Exception:  # noqa: BLE001 - its class does not keep to its base's rules, as NaT does not
        return value
    return kind(each if type(each) in (list, tuple) else plain(each) for each in own) if kind in (list, tuple) else own


def _own(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, datetime):
        return datetime.combine(
            date(value.year, value.month, value.day),
            time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold),
        )
    if isinstance(value, timedelta):
        return timedelta(value.days, value.seconds, value.microseconds)
    if isinstance(value, int | float):
        return int.__add__(value, 0) if isinstance(value, int) else float.__add__(value, 0.0)
    kind = type(value)
    if kind.__module__.partition(".")[0] in ("numpy", "pandas") and kind.__name__ not in _COUNTED_IN_UNITS:
        return plain(value.tolist())
    return value


def outcomes(value: object, what: str = "notify_on") -> tuple[str, ...]:
    """The ends of an execution of which people are notified: any of `NOTIFY_ON`, returned in that order."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each in NOTIFY_ON for each in value):
        raise refusal(what, value, f"a list of {', '.join(NOTIFY_ON[:-1])} and {NOTIFY_ON[-1]}")
    return tuple(outcome for outcome in NOTIFY_ON if outcome in value)


def notified_of(names: tuple[str, ...], ends: tuple[str, ...], what: str = "notify_on") -> tuple[str, ...]:
    """The ends of which these people are notified.

    Raises:
        InvalidInput: There are people and no end: nobody would be notified.
    """
    if names and not ends:
        raise InvalidInput(f"{what} is empty: name the outcomes to notify of, or remove the names.")
    return ends


def store_id(value: object, what: str = "store") -> str:
    """The id of a store: 1–64 characters of ``A-Z a-z 0-9 _ -``."""
    if not isinstance(value, str) or not _STORE_ID.fullmatch(value):
        raise refusal(what, value, "1 to 64 characters of A-Z a-z 0-9 _ -")
    return value


def name(value: object, what: str = "name") -> str:
    """A name: trimmed, with something to see in it, at most 200 characters."""
    trimmed = text(value, what, most=LONGEST_CONTENT).strip()
    if not any(character.isprintable() and not character.isspace() for character in trimmed):
        raise refusal(what, value, "a name that is not blank")
    return _no_longer_than(LONGEST_NAME, trimmed, what)


def text(value: object, what: str, most: int = LONGEST_TEXT) -> str:
    """A text of at most `most` characters, kept to the letter; it may be empty."""
    if not isinstance(value, str):
        raise refusal(what, value, "a text")
    unstorable = _UNSTORABLE.search(value)
    if unstorable:
        place = f"U+{ord(unstorable[0]):04X}, which stands at character {unstorable.start() + 1:,}"
        raise refusal(what, value, f"text without {place}")
    return _no_longer_than(most, value, what)


def content(value: object, what: str = "content") -> str:
    """A document's text: at most 1,000,000 characters, kept to the letter."""
    return text(value, what, most=LONGEST_CONTENT)


def prompt(value: object, what: str = "prompt") -> str:
    """What an agent is asked to do: a text that is not blank."""
    asked = text(value, what)
    if not asked.strip():
        raise InvalidInput(f"The {what.lower()} is blank; say what is to be done.")
    return asked


def email(value: object, what: str = "email") -> tuple[str, str]:
    """An address as it was given, trimmed, and folded: two that fold alike reach the same person.

    Whether the domain exists is not looked up, and hosts of a private network are accepted. Folding
    ignores case and the ways in which Unicode and IDNA can write the same characters.
    """
    given = text(value, what).strip()
    from unicodedata import normalize

    from email_validator import EmailNotValidError, validate_email

    try:
        # The suffix, taken off again, lets localhost, .local and the like pass, which the package refuses.
        valid = validate_email(f"{given}{_PUBLIC}", check_deliverability=False)
    except EmailNotValidError as problem:
        raise refusal(what, given, "an address such as ada@example.com") from problem
    local = normalize("NFC", valid.local_part.casefold())
    return given, f"{local}@{valid.ascii_domain.lower().removesuffix(_PUBLIC)}"


def status(value: object, what: str = "status") -> str:
    """The lane of a task."""
    return _one_of(LANES, value, what)


def missed(value: object, what: str = "missed") -> str:
    """What is done with slots that nobody was there for."""
    return _one_of(MISSED, value, what)


def timezone(value: object, what: str = "timezone") -> str:
    """The name of an IANA time zone, which means the same on every machine."""
    if not isinstance(value, str) or value in _OF_ONE_MACHINE or value.startswith(_OTHER_CLOCKS):
        raise refusal(what, value, "the name of an IANA time zone such as Europe/Berlin")
    zone(value, what)
    return value


@cache
def zone(name: str, what: str = "timezone") -> ZoneInfo:
    """The rules of a time zone; `InvalidInput` when they are not known here."""
    try:
        return zone_rules.zone(name)
    except LookupError as problem:
        near = nearest(name, zone_rules.names()) or "Europe/Berlin"
        raise refusal(what, name, f"the name of an IANA time zone such as {near}") from problem


def unknown_zone(whose: str, timezone: str) -> str | None:
    """The sentence that a zone is not known on this machine, and what to do; None if it is known."""
    if _is_known(timezone):
        return None
    known = f"{whose} has the time zone {shown(timezone)}, which this machine does not know"
    return f"{known}. Update the package tzdata here, or choose another zone."


def zone_or_utc(name: str) -> ZoneInfo:
    """The rules of a time zone by which days are counted or times are shown; UTC when they are not known here."""
    return zone_rules.zone(name if _is_known(name) else "UTC")


def _is_known(name: str) -> bool:
    try:
        zone_rules.zone(name)
    except LookupError:
        return False
    return True


def assignees(value: object, what: str = "assignees") -> tuple[str, ...]:
    """At most 50 different names, in the order given."""
    if not isinstance(value, list | tuple):
        raise refusal(what, value, "a list of names")
    names = tuple(dict.fromkeys(name(each, f"a name in {what}") for each in value))
    if len(names) > MOST_ASSIGNEES:
        raise refusal(what, names, f"at most {MOST_ASSIGNEES} names instead of {len(names):,}")
    return names


def budget(value: object, what: str = "budget_per_day") -> float | None:
    """US dollars a day, zero or more; None for what is usual (see `wsq.rules.budgets`)."""
    if value is None:
        return None
    dollars = _number(value)
    if dollars is None or dollars < 0:
        raise refusal(what, value, "US dollars a day, zero or more")
    return abs(dollars)  # there is a -0.0


def time_limit(value: object, what: str = "time_limit") -> timedelta:
    """Between a second and an hour: ``"5 minutes"``, ``"90 seconds"``, a timedelta, or seconds."""
    limit = value if isinstance(value, timedelta) else _elapsed(value)
    if limit is None or not SHORTEST_TIME_LIMIT <= limit <= LONGEST_TIME_LIMIT:
        raise refusal(what, value, "1 second to 1 hour, such as '5 minutes'")
    return limit


def model(value: object, what: str = "model") -> str | None:
    """The id of a model; None for the one that the store or the settings name."""
    return None if value is None else name(value, what)


def ids(value: object, what: str = "ids") -> list[str]:
    """Ids, in any iterable but a text."""
    given: list[object] = [None]
    with suppress(Exception):  # it may say that it can be iterated, and not keep to it
        given = list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else given
    found = [each for each in given if isinstance(each, str)]
    if len(found) < len(given):
        raise refusal(what, value, "a list of ids")
    return found


def position(value: object, what: str = "position") -> int:
    """A 0-based place in a lane."""
    return count(value, what)


def limit(value: object, what: str = "limit") -> int:
    """How many rows are asked for at most."""
    return count(value, what)


def count(value: object, what: str, least: int = 0, most: int = MOST_LISTED) -> int:
    """A whole number from `least` to `most`, both inclusive."""
    number = least - 1
    with suppress(Exception):  # what is no integer is refused below
        number = operator.index(value)  # type: ignore[arg-type]
    if isinstance(value, bool) or not least <= number <= most:
        expected = f"at most {most}" if number > most else f"a whole number, {least} or more"
        raise refusal(what, value, expected)
    return number


def number(value: object, what: str, *, most: float) -> float:
    """A number from 0 to `most`, both inclusive."""
    found = _number(value)
    if found is None or not 0 <= found <= most:
        raise refusal(what, value, f"a number from 0 to {most:,}")
    return found


def flag(value: object, what: str) -> bool:
    """True or False, and nothing that merely counts as one."""
    if not isinstance(value, bool):
        raise refusal(what, value, "True or False")
    return value


def function(value: object, what: str) -> Any:
    """What can be called."""
    if not callable(value):
        raise refusal(what, value, "a function")
    return value


def nearest(value: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `value` was probably meant to be, None when none is like it."""
    from difflib import get_close_matches

    by_folded = {candidate.casefold(): candidate for candidate in islice(candidates, _COMPARED)}
    found = get_close_matches(value[:LONGEST_NAME].casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[found[0]] if found else None


def _no_longer_than(most: int, value: str, what: str) -> str:
    if len(value) > most:
        raise refusal(what, value, f"at most {most:,} characters instead of {len(value):,}")
    return value


def _one_of(words: tuple[str, ...], value: object, what: str) -> str:
    if not isinstance(value, str) or value not in words:
        raise refusal(what, value, " or ".join((", ".join(words[:-1]), words[-1])))
    return value


def _number(value: object) -> float | None:
    """`value` as a finite number, None when it is none; a text is none."""
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        return None
    number = math.nan
    with suppress(Exception):  # such as one that is too large
        number = float(value)
    return number if math.isfinite(number) else None


def _elapsed(value: object) -> timedelta | None:
    """Seconds, or a text such as "5 minutes", as a timedelta; None when it is neither or beyond use."""
    seconds = _number(value)
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(value.strip())
        unit = _SECONDS.get(match[2].lower()) if match else None
        seconds = float(match[1]) * unit if match and unit else None
    if seconds is None or not 0 <= seconds <= 2 * LONGEST_TIME_LIMIT.total_seconds():
        return None
    return timedelta(seconds=seconds)
