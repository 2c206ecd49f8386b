"""One browser for all tests of a worker: to start one takes longer than most tests do."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

PATIENCE = 30_000
"""Milliseconds after which what should show in a browser is not expected any more, on however busy a machine."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers; a thread can have one of them."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(chromium: str, playwright: Playwright) -> Iterator[Browser]:
    """A browser; where it need not be another one, `visitor` is quicker."""
    opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody whose browser has met the pages before: a first visit takes four times as long to draw.

    They have asked for less motion, since each frame of it is drawn by the processor, and wait for none to end.
    """
    with browser.new_context(reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE)
        yield context


@pytest.fixture
def window(visitor: BrowserContext) -> Iterator[Page]:
    """A window of theirs; cookies are gone with it."""
    with visitor.new_page() as page:
        page.set_viewport_size({"width": 1440, "height": 900})
        yield page
    visitor.clear_cookies()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """See `_without_its_loop`."""
    return (yield from _without_its_loop(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """See `_without_its_loop`."""
    return (yield from _without_its_loop(item))


def _without_its_loop(item: pytest.Item) -> Generator[None, object, object]:
    """Set Playwright's event loop aside for a test without a browser, which may run one of its own.

    Between two calls Playwright leaves its loop marked as the one that runs in this thread.
    """
    if "playwright" in getattr(item, "fixturenames", ()):
        return (yield)
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return (yield)
    finally:
        asyncio._set_running_loop(running)
