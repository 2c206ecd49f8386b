"""Pages in notebook cells: load the needed scripts locally, and only as long as they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from panel.config import panel_extension
from panel.io.notebook import LOAD_MIME, load_notebook


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
    shown = [
        (output.data, show(_once(output.data), metadata=output.metadata, raw=True, display_id=True))
        for output in caught.outputs
    ]
    scripts = [handle for content, handle in shown if LOAD_MIME in content]

    def take_out() -> None:
        for handle in scripts:
            handle.update({LOAD_MIME: "// loaded"}, raw=True)

    return take_out


def _once(content: dict[str, Any]) -> dict[str, Any]:
    """Return one of the two identical scripts, the one that a notebook with Panel's extension reads."""
    return {LOAD_MIME: content[LOAD_MIME]} if LOAD_MIME in content else content
