"""`wsq init`, `sql`, `backup`, `rebuild`, `verify`: the workspace as a whole."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import wsq
from wsq import settings as configuration
from wsq.cli.output import count, local, say, table
from wsq.errors import SettingError
from wsq.projections.display import shown
from wsq.runner.report import as_json


def init_command(given: Namespace) -> int:
    """Write wsq.toml, and create its workspace."""
    target = _target(for_user=given.user)
    database = given.database or (configuration.load().database if given.user else Path(target.parent, "wsq.duckdb"))
    settings = configuration.load(database=database, timezone=given.timezone, model=given.model, flags=True)
    if given.with_key and not (settings.api_key or settings.base_url):
        raise SettingError("ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL are not set, expected one of them for --with-key.")
    wsq.open(settings.database).close()
    configuration.write_toml(
        target,
        database=given.database or (settings.database if given.user else "wsq.duckdb"),
        timezone=settings.timezone,
        api_key=settings.api_key if given.with_key else None,
        base_url=settings.base_url if given.with_key else None,
        model=given.model,
    )
    say(f"Wrote the settings to {target}. The workspace is {settings.database}.")
    say('Next: wsq add "Triage" --prompt "Create a task called \'Check mail\'" --every "4 hours", then wsq serve.')
    return 0


def _target(*, for_user: bool) -> Path:
    """Return the path for wsq.toml, which must not exist: nothing is created otherwise."""
    target = configuration.config_file() if for_user else Path.cwd() / configuration.FILE_NAME
    if target is None:
        raise SettingError("This user has no home folder, and so no configuration folder. Omit --user.")
    if target.exists():
        raise SettingError(f"{target} already exists and is not overwritten.")
    return target


def sql_command(given: Namespace) -> int:
    """Run an SQL query."""
    with wsq.open(given.database) as ws:
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
    with wsq.open(given.database) as ws:
        place = ws.backup(target)
    say(f"Copied the workspace to {place} ({place.stat().st_size / 1e6:,.1f} MB).")
    return 0


def rebuild_command(given: Namespace) -> int:
    """Rebuild the projections."""
    with wsq.open(given.database) as ws:
        events = ws.rebuild()
    say(f"Rebuilt every projection from {count(events, 'event')}.")
    return 0


def verify_command(given: Namespace) -> int:
    """Compare the projections with the log; return 1 if they differ."""
    with wsq.open(given.database) as ws:
        differences = ws.verify()
    if given.json:
        say(as_json(_listed(differences)))
    elif differences:
        for difference in differences:
            say(str(difference))
        say(f"{count(len(differences), 'difference')}. Run `wsq rebuild` to rebuild the projections from the log.")
    else:
        say("The projections match the log.")
    return 1 if differences else 0


def _listed(differences: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {**{name: getattr(each, name) for name in each.__struct_fields__}, "sentence": str(each)}
        for each in differences
    ]
