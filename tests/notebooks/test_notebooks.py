"""The notebooks say what they say: each is run, and every output compared with the one that is stored."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from tests.notebooks import LIVE, TAGS

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 400_000
"""Bytes of a notebook that is still quick to open and to review."""


def texts(outputs):
    for output in outputs:
        yield from output.get("text", [])
        for content in output.get("data", {}).values():
            yield from content


def cells(notebook):
    return json.loads(notebook.read_text("utf-8"))["cells"]


def test_there_is_a_notebook_for_each_thing_to_begin_with():
    assert [notebook.stem for notebook in NOTEBOOKS] == ["admin", "explore", "prompts", "quickstart"]


def test_every_notebook_gives_all_that_is_stored_wherever_the_reader_lives(tmp_path):
    """One after the other in one kernel; that each runs in a kernel of its own is seen in a JupyterLab."""
    import nbformat  # takes four seconds, which each worker would spend that only collects the tests

    from tests.notebooks.store import executed, tidied

    kernel = AsyncKernelManager(kernel_name="python3")
    try:
        for notebook in NOTEBOOKS:
            given = executed(notebook, tmp_path, kernel, TZ="America/St_Johns", WSQ_TIMEZONE="Asia/Tokyo")

            assert tidied(given).cells == nbformat.read(notebook, 4).cells
    finally:
        run_sync(kernel.shutdown_kernel)(now=True)


@pytest.mark.long
def test_nbval_finds_each_notebook_as_it_is_stored(tmp_path):
    """Each in a kernel of its own, by what readers of notebooks know."""
    command = [sys.executable, "-m", "pytest", "-p", "nbval", "--nbval", "--nbval-current-env", "-n0"]
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider", *map(str, NOTEBOOKS)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    code = [cell for notebook in NOTEBOOKS for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert f"{len(code)} passed in" in result.stdout


def test_the_kernel_is_the_interpreter_that_runs_the_tests():
    spec = KernelSpecManager().get_kernel_spec("python3")

    assert spec.argv[0] in ("python", "python3", sys.executable)  # the first two, a client replaces by its own
    assert not Path(spec.argv[0]).is_absolute() or Path(spec.argv[0]).samefile(sys.executable)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
class TestANotebook:
    def test_is_small(self, notebook):
        assert notebook.stat().st_size <= LARGEST

    def test_says_nothing_of_the_machine_or_the_hour_it_was_run_on(self, notebook):
        whole = json.loads(notebook.read_text("utf-8"))
        assert whole["metadata"]["kernelspec"]["name"] == "python3"
        assert set(whole["metadata"]) <= {"kernelspec", "language_info"}
        assert set(whole["metadata"]["language_info"]) == {"name"}
        assert all(cell["metadata"] in ({}, {"tags": TAGS}) for cell in whole["cells"])
        for text in texts(output for cell in whole["cells"] for output in cell.get("outputs", [])):
            assert not re.search(r"(^|[\s'\"=(>])(/[a-z]\w*/|[A-Z]:\\)", text), text

    def test_was_run_from_top_to_bottom_and_nothing_failed(self, notebook):
        code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        outputs = [output for cell in code for output in cell["outputs"]]
        assert "error" not in {output["output_type"] for output in outputs}
        assert "stderr" not in {output.get("name") for output in outputs}
        assert not [text for text in texts(outputs) if "Traceback" in text]

    def test_opens_with_a_question_and_ends_with_its_answer(self, notebook):
        first, *_, last = ("".join(cell["source"]) for cell in cells(notebook) if cell["cell_type"] == "markdown")
        assert first.startswith("# ")
        assert re.search(r"\*\*[^*]+\?\*\*", first)
        assert re.match(r"## The answer\n\n\*\*[^*]+\.\*\*", last)

    def test_has_cells_that_fit_on_a_screen(self, notebook):
        assert all(len(cell["source"]) <= 16 for cell in cells(notebook))
        code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
        assert all(len(line.rstrip("\n")) <= 115 for cell in code for line in cell["source"])

    def test_has_no_function_longer_than_ten_lines(self, notebook):
        for cell in (each for each in cells(notebook) if each["cell_type"] == "code"):
            source = "".join(line for line in cell["source"] if not line.startswith("%"))
            if cell["source"][0].startswith("%%"):
                continue
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert node.end_lineno - node.lineno < 10

    def test_stores_what_is_alive_as_a_still_picture(self, notebook):
        live = [cell for cell in cells(notebook) if LIVE in cell["metadata"].get("tags", ())]
        for cell in live:
            [output] = cell["outputs"]
            assert list(output["data"]) == ["text/html"]
        whole = "".join(text for cell in cells(notebook) for text in texts(cell.get("outputs", ())))
        assert not re.search(
            r"<(script|iframe|link|img)|\son\w+=|javascript:|https?://(?!www\.w3\.org/2000/svg)", whole
        )
