"""Pages in cells of other tools than JupyterLab, each as users run it: live where it can be, else a static picture."""

import json
import os
import socket
import subprocess
import sys
import time
import venv
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.notebooks.test_board_in_jupyterlab import ROOT, card, lane

QUICKSTART = ROOT / "notebooks" / "quickstart.ipynb"
TOOLS = ("voila==0.5.13", "marimo==0.25.2")
WORKSPACE = """\
import wsq
from wsq.agent.providers import OfflineProvider
ws = wsq.open("team.duckdb", provider=OfflineProvider())
acme = ws.store("acme")
triage = acme.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")
task = acme.create_task("Write copy")"""
PAGES = {"Board": "Board(acme)", "Library": "Library(acme)", "Admin": "Admin(ws)"}
MARIMO = "import marimo\napp = marimo.App()\n"


@pytest.fixture
def environment(tmp_path):
    """What a tool's process sees: the checkout, and folders of its own for all it keeps."""
    own = {
        "HOME": tmp_path, "JUPYTER_CONFIG_DIR": tmp_path / "config", "JUPYTER_DATA_DIR": tmp_path / "data",
        "JUPYTER_RUNTIME_DIR": tmp_path / "runtime", "IPYTHONDIR": tmp_path / "ipython", "TMPDIR": tmp_path,
        "JUPYTER_PATH": Path(sys.prefix, "share", "jupyter"), "PYTHONPATH": ROOT, "WSQ_TIMEZONE": "UTC",
    }  # fmt: skip
    return os.environ | {name: str(value) for name, value in own.items()}


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """An interpreter that has the tools beside the packages of the one that runs the tests."""
    folder = tmp_path_factory.mktemp("tools")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    packages = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    Path(packages.strip(), "beside.pth").write_text("\n".join(each for each in sys.path if each.endswith("-packages")))
    subprocess.run([python, "-m", "pip", "install", "-q", *TOOLS], check=True)
    return python


def notebook(*sources):
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
        for n, s in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def marimo_app(*sources):
    """One cell, whose last line is shown."""
    lines = "\n".join(sources).splitlines()
    return f"{MARIMO}\n@app.cell\ndef _():\n" + "\n".join(f"    {line}" for line in lines) + "\n    return\n"


@contextmanager
def served(command, folder, environment):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("w") as log:
        tool = subprocess.Popen([*command, f"--port={port}"], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            for _ in range(600):
                try:
                    urlopen(f"http://127.0.0.1:{port}/static/none").close()
                except OSError as error:
                    if getattr(error, "code", None) is not None:
                        break
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/"
        finally:
            tool.terminate()
            tool.wait(60)


def test_nbconvert_shows_what_is_on_the_board_of_the_quickstart(window, tmp_path, environment):
    command = [sys.executable, "-m", "nbconvert", "--to=html", "--execute", f"--output-dir={tmp_path}", QUICKSTART]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path, capture_output=True)
    made = tmp_path / "quickstart.html"

    window.goto(made.as_uri(), wait_until="commit")

    board = window.locator(".wsq-picture").last
    expect(board.get_by_role("columnheader", name="Recurring · 1")).to_be_visible()
    expect(board.get_by_text("Every 4 hours")).to_be_visible()
    assert made.stat().st_size < 1_000_000


@pytest.mark.long
@pytest.mark.parametrize("tool", ["voila", "marimo"])
class TestATool:
    @pytest.fixture
    def address(self, tool, tools, tmp_path, environment, page):
        shown = f"from wsq.views import {page}\n{PAGES[page]}"
        if tool == "voila":
            (tmp_path / "team.ipynb").write_text(notebook(WORKSPACE, shown), "utf-8")
            command = [tools, "-m", "voila", "team.ipynb", "--no-browser", "--Voila.ip=127.0.0.1"]
        else:
            (tmp_path / "team.py").write_text(marimo_app(WORKSPACE, shown), "utf-8")
            command = [tools, "-m", "marimo", "-y", "run", "team.py", "--headless", "--no-token"]
        with served(command, tmp_path, environment) as url:
            yield url

    @pytest.mark.parametrize("page", ["Board"])
    def test_has_the_board_live(self, window, address):
        window.goto(address, timeout=300_000)
        expect(lane(window, "Recurring")).to_be_visible(timeout=120_000)

        card(window, "Triage").get_by_role("button", name="Run now").click()
        expect(card(window, "Triage").get_by_role("listitem").first).to_contain_text("Completed", timeout=60_000)
        expect(card(window, "Check mail")).to_be_visible()
        window.get_by_label("New task", exact=True).click()
        window.keyboard.type("dd xcv")
        window.keyboard.press("Enter")

        expect(card(lane(window, "To do"), "dd xcv")).to_be_visible()
        expect(window.locator(".wsq-picture")).to_have_count(0)

    @pytest.mark.parametrize("page", ["Library", "Admin"])
    def test_has_other_pages_live(self, window, address, page):
        window.goto(address, timeout=300_000)

        shown = {"Library": "New project", "Admin": "Triage"}[page]
        expect(window.locator(".wsq").get_by_text(shown, exact=True).first).to_be_visible(timeout=120_000)
        expect(window.locator(".wsq-picture")).to_have_count(0)
