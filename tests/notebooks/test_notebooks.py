"""The notebooks say what they say: each is run, and every output compared with the one that is stored."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 100_000
"""Bytes of a notebook that is still quick to open and to review."""


def ran(*places, **environment):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbval",
            "--nbval-current-env",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            *map(str, places),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )


def texts(outputs):
    for output in outputs:
        yield from output.get("text", [])
        for content in output.get("data", {}).values():
            yield from content


def cells(notebook):
    return json.loads(notebook.read_text("utf-8"))["cells"]


def test_there_is_a_notebook_to_begin_with():
    assert "quickstart.ipynb" in [notebook.name for notebook in NOTEBOOKS]


def test_every_notebook_gives_what_is_stored_wherever_the_reader_lives(tmp_path):
    result = ran(ROOT / "notebooks", TZ="America/St_Johns", WSQ_TIMEZONE="Asia/Tokyo", IPYTHONDIR=str(tmp_path))

    assert result.returncode == 0, result.stdout + result.stderr


def test_a_notebook_in_which_one_number_is_wrong_is_refused(tmp_path):
    changed = tmp_path / "quickstart.ipynb"
    text = (ROOT / "notebooks" / "quickstart.ipynb").read_text("utf-8")
    assert text.count("('skipped', 'missed', 18)") == 1
    changed.write_text(text.replace("('skipped', 'missed', 18)", "('skipped', 'missed', 17)"), "utf-8")

    result = ran(changed, IPYTHONDIR=str(tmp_path))

    assert result.returncode == 1
    assert "1 failed" in result.stdout


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
        assert all(cell["metadata"] == {} for cell in whole["cells"])
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
        assert re.search(r"\*\*[^*]+\?\*\*", first)
        assert last.startswith("## The answer")

    def test_has_cells_that_fit_on_a_screen(self, notebook):
        assert all(len(cell["source"]) <= 16 for cell in cells(notebook))
