"""Runs the notebooks and stores what they give: `python -m tests.notebooks.store [NAME…]`, from the checkout's root.

What is stored does not depend on the machine or the hour. A cell with the tag `live` shows something alive, whose
scripts are megabytes and different each time; of it a still picture is stored, by its own `still()`.
"""

import ast
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat.v4 import new_output

from tests.notebooks import LIVE, TAGS

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def is_live(cell):
    return LIVE in cell.metadata.get("tags", ())


FORGET = """\
import sys
if "wsq.views.live.hub" in sys.modules:
    sys.modules["wsq.views.live.hub"].forget(ws)
get_ipython().extension_manager.loaded.clear()
get_ipython().reset()
"""
"""Makes a kernel ready for another notebook: what is alive in this one would miss its file."""


class Run(NotebookClient):
    """Executes a notebook; of live cells it asks what they look like."""

    async def async_execute(self, **given):
        notebook = await super().async_execute(**given)
        if not self.owns_km:
            await self.kc.execute(FORGET, store_history=False, reply=True)
            self.kc.stop_channels()
        return notebook

    execute = run_sync(async_execute)

    async def async_execute_cell(self, cell, cell_index, **given):
        await super().async_execute_cell(cell, cell_index, **given)
        if cell.cell_type == "code" and is_live(cell):
            cell.outputs = [await self._still(cell.execution_count)]
        return cell

    async def _still(self, count):
        reply = await self.kc.execute("", store_history=False, user_expressions={"html": "_.to_html()"}, reply=True)
        told = reply["content"]["user_expressions"]["html"]
        if told["status"] != "ok":
            raise RuntimeError(f"A live cell has no still picture: {told}")
        html = ast.literal_eval(told["data"]["text/plain"])
        return new_output("execute_result", {"text/html": html}, execution_count=count)


def executed(path, folder, kernel=None, **environment):
    """The notebook with what its cells gave; raises when one of them fails.

    It is run in `folder`, and in there it makes its own temporary one, with its workspace ``team.duckdb``; in a
    `kernel` that goes on, if there is one, else in one of its own.
    """
    notebook = nbformat.read(path, 4)
    home = {"IPYTHONDIR": str(folder), "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "WSQ_TIMEZONE": "UTC"}
    given = {"timeout": 200, "coalesce_streams": True, "resources": {"metadata": {"path": str(folder)}}}
    run = Run(notebook, kernel, **given)
    run.execute(env=os.environ | home | environment)
    return notebook


def tidied(notebook):
    """The notebook without what says when, where and by which kernel it was run."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = {"tags": TAGS} if is_live(cell) else {}
        for output in cell.get("outputs", ()):
            if "metadata" in output:
                output.metadata = {}
    return notebook


def store(path):
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(tidied(executed(path, folder)), path)


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(each.stem for each in NOTEBOOKS.glob("*.ipynb")):
        store(NOTEBOOKS / f"{name.removesuffix('.ipynb')}.ipynb")
        print(f"Stored {name}.")
