"""What a test does in a browser's window, by the names that a screen reader tells."""

import time

from tests.browsing import PATIENCE


def lane(page, name):
    return page.get_by_role("region", name=name, exact=True)


def card(page, name):
    return page.get_by_role("article", name=name, exact=True)


def fill_form(page, **fields):
    dialog = page.get_by_role("dialog")
    for label, value in fields.items():
        dialog.get_by_label(label, exact=True).fill(value)
    return dialog


def eventually(holds, within=PATIENCE / 1_000):
    """Wait for what a page shows before it is written."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
