"""A page in a notebook's cell: the scripts that it needs, from this machine and only for as long as they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from panel.config import panel_extension
from panel.io.notebook import LOAD_MIME, load_notebook

from wsq.projections.display import in_a_kernel

__all__ = ["bring_scripts", "in_a_kernel"]


def bring_scripts() -> Callable[[], None]:
    """Put the scripts of Panel and Bokeh into the cell that runs; what is returned takes them out again.

    Inline: by default the browser would fetch them from a foreign server. Each time anew, though Panel does it
    once in a kernel: a browser's page that was reloaded has lost them. Out again, because a notebook would be
    saved with all 3 MB of them.
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
    """The same script comes under two names, of which a notebook with Panel's extension reads one."""
    return {LOAD_MIME: content[LOAD_MIME]} if LOAD_MIME in content else content
