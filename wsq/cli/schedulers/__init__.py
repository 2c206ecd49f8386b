"""The schedulers of the operating system: systemd, launchd, cron."""

from __future__ import annotations

from wsq.cli.schedulers.base import Scheduling
from wsq.cli.schedulers.cron import Cron
from wsq.cli.schedulers.launchd import Launchd
from wsq.cli.schedulers.systemd import Systemd

ALL: tuple[Scheduling, ...] = (Systemd(), Launchd(), Cron())
"""Best first: the first two run once after a pass was missed during sleep."""
