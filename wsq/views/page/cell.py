"""Pages in notebook cells: live where the front end can, above a static picture that others show."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any
from weakref import ref

from panel.config import config, panel_extension
from panel.io.notebook import LOAD_MIME, load_notebook

from wsq.settings.sources import in_voila
from wsq.views.page.scripts import inline

SCRIPT_MIME = "application/javascript"

CHECKED_EVERY = 1.0
"""Seconds after which a marimo thread without messages looks whether its cell is still there."""


def bring_scripts() -> Callable[[], None]:
    """Put the scripts of Panel and Bokeh into the current cell; returns a function that removes them.

    Inline, since by default the browser would fetch them from a CDN. Each time, although Panel does it once per kernel:
    a reloaded browser page has lost them. Removed again, so that the notebook is not saved with 3 MB of scripts.
    """
    from IPython.display import display
    from IPython.utils.capture import capture_output

    with capture_output(stdout=False, stderr=False) as caught:
        if panel_extension._loaded:
            load_notebook(inline=True)
        else:
            panel_extension(inline=True)
    show: Any = display  # IPython is not typed
    loads = [output.data[LOAD_MIME] for output in caught.outputs if LOAD_MIME in output.data]
    for output in caught.outputs:
        if LOAD_MIME not in output.data:
            show(output.data, metadata=output.metadata, raw=True)
    if in_voila():
        show({SCRIPT_MIME: _for_voila(loads)}, raw=True)
        return lambda: None  # nothing is saved
    # One of the two identical scripts of each output, the one that a notebook with Panel's extension reads
    scripts = [show({LOAD_MIME: load}, raw=True, display_id=True) for load in loads]

    def take_out() -> None:
        for handle in scripts:
            handle.update({LOAD_MIME: "// loaded"}, raw=True)

    return take_out


def _for_voila(loads: list[str]) -> str:
    """Return one script for Voilà, whose front end cannot load the extension that connects Panel to a kernel."""
    begin = f"{inline('page/voila.js')}\nwithKernel((kernel) => {{\nwindow.comm_manager = kernelComms(kernel);"
    return "\n".join([begin, *loads, "});"])


def with_picture(html: str, picture: str) -> str:
    """Return `html`, a live page, below its static picture, which its script removes when it runs."""
    return f'<div class="wsq-picture">{picture}</div>{html}'


def marimo_output(page: Any, picture: str) -> tuple[Any, Callable[[str], None]]:
    """Return what a marimo cell shows of a `LivePage`, and what sends it a message, from any thread.

    marimo takes messages from its own threads alone, so one of them sends what others put into a queue. It ends with
    the cell, or with the page. marimo's browser part drops Panel's messages but not changes of properties.
    """
    marimo: Any = sys.modules["marimo"]
    config.inline = True  # by default the browser would fetch Panel's scripts from a CDN
    live = marimo.ui.panel(page)
    queue: SimpleQueue[str] = SimpleQueue()
    reference = ref(page)

    def deliver() -> None:
        while not marimo.current_thread().should_exit and reference() is not None:
            with suppress(Empty):
                message = queue.get(timeout=CHECKED_EVERY)
                alive = reference()
                if alive is not None:
                    alive.message = message
                del alive

    marimo.Thread(target=deliver, daemon=True).start()
    return marimo.Html(with_picture(live.text, picture)), queue.put
