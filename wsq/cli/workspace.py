"""`wsq init`, `sql`, `backup`, `rebuild`, `verify`: the workspace as a whole."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from wsq import settings as configuration
from wsq.cli import opening
from wsq.cli.output import count, local, say, table
from wsq.errors import SettingError
from wsq.projections.display import shown
from wsq.runner.report import as_json


def init_command(given: Namespace) -> int:
    """Create the workspace, and write a wsq.toml that names it.

    If `WSQ_DATABASE` names it, a wsq.toml may be there already: deployments run this at every start.
    """
    target, variable = _target(for_user=given.user), configuration.from_variable("database")
    is_kept = target.exists()
    if is_kept and (variable is None or _changes_settings(given)):
        raise SettingError(f"{target} already exists and is not overwritten.")
    here = None if given.user or variable else target.with_name("wsq.duckdb")
    database = given.database or here
    settings = configuration.load(database=database, timezone=given.timezone, model=given.model, flags=True)
    is_secret = variable is not None and not database and configuration.without_password(variable) != variable
    if given.with_key and not (settings.api_key or settings.base_url or is_secret):
        raise SettingError("ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL are not set, expected one of them for --with-key.")
    with opening.workspace(given, settings) as ws:
        place = ws.place
    if is_kept:
        say(f"The workspace is {place}. {target} was there already, and is not changed.")
        return 0
    is_left_out = is_secret and not given.with_key
    configuration.write_toml(
        target,
        database=None if is_left_out else given.database or (here and here.name) or settings.database,
        timezone=settings.timezone,
        api_key=settings.api_key if given.with_key else None,
        base_url=settings.base_url if given.with_key else None,
        model=given.model,
    )
    say(f"Wrote the settings to {target}. The workspace is {place}.")
    if is_left_out:
        say("They do not name the database, since its URL has a password: WSQ_DATABASE still does, or use --with-key.")
    say('Next: wsq add "Triage" --prompt "Create a task called \'Check mail\'" --every "4 hours", then wsq serve.')
    return 0


def _target(*, for_user: bool) -> Path:
    """Return the path for wsq.toml."""
    target = configuration.config_file() if for_user else Path.cwd() / configuration.FILE_NAME
    if target is None:
        raise SettingError("This user has no home folder, and so no configuration folder. Omit --user.")
    return target


def _changes_settings(given: Namespace) -> bool:
    return bool(given.database or given.user or given.timezone or given.model or given.with_key)


def sql_command(given: Namespace) -> int:
    """Run an SQL query."""
    with opening.workspace(given) as ws:
        zone = ws.settings.timezone
        frame = ws.sql(given.query)
    columns = [str(column) for column in frame.columns]
    rows = [[_value(cell) for cell in row] for row in frame.itertuples(index=False, name=None)]
    if given.json:
        say(as_json([dict(zip(columns, row, strict=True)) for row in rows]))
    elif columns:
        say(table(columns, ([_cell(value, zone) for value in row] for row in rows)))
    return 0


def _value(cell: Any) -> Any:
    """Return a DataFrame cell as a plain Python value."""
    if isinstance(cell, str) or cell is None:
        return cell
    if isinstance(cell, dict):
        return {str(key): _value(each) for key, each in cell.items()}
    for convert in ("to_pydatetime", "to_pytimedelta", "tolist"):
        if hasattr(cell, convert):
            cell = getattr(cell, convert)()
    if cell != cell or (isinstance(cell, float) and not math.isfinite(cell)):  # NaN and NaT differ from themselves
        return None
    return [_value(each) for each in cell] if isinstance(cell, list | tuple) else cell


def _cell(value: Any, zone: str) -> str:
    return local(value, zone) if isinstance(value, datetime) and value.tzinfo else shown(value)


def backup_command(given: Namespace) -> int:
    """Copy the workspace."""
    target = configuration.file_path(given.path, "PATH")
    with opening.workspace(given) as ws:
        place = ws.backup(target)
    say(f"Copied the workspace to {place} ({place.stat().st_size / 1e6:,.1f} MB).")
    return 0


def rebuild_command(given: Namespace) -> int:
    """Rebuild the projections."""
    with opening.workspace(given) as ws:
        events = ws.rebuild()
    say(f"Rebuilt every projection from {count(events, 'event')}.")
    return 0


def verify_command(given: Namespace) -> int:
    """Compare the projections with the log; return 1 if they differ."""
    with opening.workspace(given) as ws:
        differences = ws.verify()
    if given.json:
        say(as_json(_listed(differences)))
    elif differences:
        for difference in differences:
            say(str(difference))
        is_broken = any(difference.table in ("events", "heads") for difference in differences)
        rebuild = "Run `wsq rebuild` to rebuild the projections from the log."
        restore = "The log itself is damaged, which no rebuild repairs. Restore a backup with `wsq restore`."
        say(f"{count(len(differences), 'difference')}. {restore if is_broken else rebuild}")
    else:
        say("The projections match the log.")
    return 1 if differences else 0


def _listed(differences: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {**{name: getattr(each, name) for name in each.__struct_fields__}, "sentence": str(each)}
        for each in differences
    ]
