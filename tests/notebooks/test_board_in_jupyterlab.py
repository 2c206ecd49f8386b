"""Notebooks in a real JupyterLab, in a real browser, beside other processes that write as well."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil
import pytest
from playwright.sync_api import expect

import wsq
from tests.rings import count
from tests.views.windows import within
from wsq.agent.providers import OfflineProvider

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-the-test"
OPENING = """\
import wsq
from wsq.agent.providers import OfflineProvider
acme = wsq.open("team.duckdb", provider=OfflineProvider()).store("acme")"""
WRITER = """\
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
import wsq
from wsq.clock import ManualClock

folder, store = Path(sys.argv[1]), sys.argv[2]
written = {}
while not (folder / "done").exists():
    for path in {*folder.glob("*/team.duckdb")} - written.keys():
        team, written[path] = wsq.open(path, clock=ManualClock(datetime(2026, 3, 2, tzinfo=UTC)), actor="another"), 0
    if written and "acme" in [row.id for row in team.stores()]:
        card = team.store(store).create_task("from elsewhere")
        team.store(store).move_task(card.id, status="doing")
        team.store(store).archive_task(card.id)
        written[path] += 3
    time.sleep(0.15)
print(json.dumps(list(written.values())))
"""
"""Writes to the newest workspace in a folder, once it has a store, what leaves no trace on a board."""

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))[:: count(few=3, many=1)]
"""All in the long ring, else the first and the last; `test_notebooks` runs the cells of all of them in every ring."""
LONGEST = 200
"""Seconds that a notebook may take while others write; alone it takes a few."""

CELLS = [OPENING, "from wsq.views import Board\nBoard(acme)"]


def notebook():
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
        for n, s in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """The folder that the JupyterLab shows; each test has one of its own in it."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """Where notebooks make their temporary folders."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture
def desk(shelf, request):
    """The test's own folder, with a notebook in it."""
    made = shelf / f"desk{abs(hash(request.node.name))}"
    made.mkdir()
    (made / "board.ipynb").write_text(notebook(), "utf-8")
    return made


@pytest.fixture
def acme(desk):
    """The store as another process has it open, here the test's own."""
    with wsq.open(desk / "team.duckdb", provider=OfflineProvider()) as team:
        yield team.store("acme")


@pytest.fixture(scope="module")
def lab(shelf, temporary):
    """The address of a JupyterLab; everything it wants to keep, it keeps in a folder of its own."""
    home = shelf / "home"
    home.mkdir()
    _without_debugger(home / "config" / "labconfig")
    own = {
        "HOME": home, "JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime", "IPYTHONDIR": home / "ipython",
        "PYTHONPATH": ROOT, "WSQ_TIMEZONE": "UTC", "TMPDIR": temporary,
    }  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={urlsplit(url).port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={shelf}",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    environment = os.environ | {name: str(value) for name, value in own.items()}
    with (home / "log").open("w") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            for _ in range(600):
                try:
                    urlopen(f"{url}/api/status?token={TOKEN}").close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield url
        finally:
            server.terminate()
            server.wait(60)


def _without_debugger(labconfig):
    """Its requests are complained of when they are cancelled, as by the end of a kernel that was asked a moment ago."""
    labconfig.mkdir(parents=True)
    disabled = {"disabledExtensions": {"@jupyterlab/debugger-extension": True}}
    (labconfig / "page_config.json").write_text(json.dumps(disabled), "utf-8")


@pytest.fixture
def lab_window(window, lab):
    """A window; nothing may leave the host, no script may fail, and kernels end with it."""
    failed, strayed = [], []
    window.on("console", lambda said: said.type == "error" and failed.append(said.text))
    window.on("pageerror", lambda error: failed.append(str(error)))
    window.on("response", lambda got: got.status >= 500 and failed.append(f"{got.status} {got.url}"))
    window.on("request", lambda asked: _strays(asked.url, lab) and strayed.append(asked.url))
    yield window
    window.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    assert strayed == []
    assert [each for each in failed if not _of_the_past(each)] == []


@pytest.fixture
def page(lab_window, lab, desk):
    """The notebook of the test's own folder, in a window."""
    open_notebook(lab_window, lab, desk)
    return lab_window


def _of_the_past(complaint):
    """Whether it is about a stored output that was replaced before the scripts came for which it had waited."""
    return "Error rendering Bokeh model: could not find" in complaint


def _strays(url, lab):
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(lab).netloc


def open_notebook(page, lab, desk, name="board"):
    page.goto(f"{lab}/lab/workspaces/{desk.name}/tree/{desk.name}/{name}.ipynb?token={TOKEN}")
    page.locator(".jp-NotebookPanel .jp-Cell").nth(1).wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()


def command(page, name, **arguments):
    run = "async ([name, given]) => { await window.jupyterapp.commands.execute(name, given); }"
    page.evaluate(run, [name, arguments])


def run_all(page):
    command(page, "notebook:run-all-cells")
    expect(lane(page, "Recurring")).to_be_visible()


def ended(page, seconds):
    """The code cells of the open notebook, when all have ended; windowed as it is, its page does not have them all."""
    page.wait_for_function(
        "() => {"
        "  const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells;"
        "  const code = cells.filter(cell => cell.cell_type === 'code');"
        "  return code.every(cell => cell.execution_count !== null)"
        "    || code.some(cell => cell.outputs.some(output => output.output_type === 'error'));"
        "}",
        timeout=seconds * 1000,
    )
    cells = page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(cell => cell.toJSON())"
    )
    return [cell for cell in cells if cell["cell_type"] == "code"]


@contextmanager
def writing(folder):
    """Two processes write to what notebooks make in `folder`, one of them to the very store that these use."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), store], stdout=subprocess.PIPE, text=True)
        for store in ("acme", "others")
    ]
    try:
        yield
        (folder / "done").touch()
        for each in writers:
            written = json.loads(each.communicate(timeout=60)[0])
            assert len(written) == len(NOTEBOOKS)
            assert min(written) > 0
    finally:
        for each in writers:
            each.kill()
            each.wait()
            each.stdout.close()


def lane(page, name):
    return page.get_by_role("region", name=name, exact=True)


def card(page, name):
    return page.get_by_role("article", name=name, exact=True)


def kernels():
    return [each for each in psutil.Process().children(recursive=True) if "ipykernel_launcher" in each.cmdline()]


@pytest.mark.timed
def test_the_board_works_in_a_cell_as_on_its_page_and_again_after_a_reload_and_leaves_nothing(page, lab, acme, desk):
    acme.create_task("Write copy")
    acme.create_task("Ask Ada")
    triage = acme.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")

    run_all(page)
    use_all_of_it(page, acme)
    assert [each.trigger for each in acme.executions(triage.id)] == ["manual"]

    # When it is stored, it is without its scripts, which alone are 3 MB
    command(page, "docmanager:save")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    assert (desk / "board.ipynb").stat().st_size < 200_000

    # When the cell is run again after a reload, then the board is a living one
    open_notebook(page, lab, desk)
    run_all(page)
    acme.create_task("after the reload")

    expect(card(page, "after the reload")).to_be_visible()
    assert lane(page, "Doing").count() == 1

    # And its kernel does not hold the database
    [kernel] = kernels()
    began = time.monotonic()
    for number in range(10):
        acme.create_task(f"task {number}")
    assert time.monotonic() - began < within(5_000) / 1_000
    expect(card(page, "task 9")).to_be_visible()

    # Nor anything after its end
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    _, alive = psutil.wait_procs([kernel], timeout=60)
    assert alive == []
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    _, alive = psutil.wait_procs(kernels(), timeout=60)
    assert alive == []


def use_all_of_it(page, acme):
    """Press, drag, type and look at the board in the cell, as one does on its page."""
    for name in ("Recurring", "To do", "Doing", "In review", "Done"):
        assert lane(page, name).count() == 1
    card(page, "Triage").get_by_role("button", name="Run now").click()
    expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Completed")
    expect(card(lane(page, "To do"), "Check mail")).to_be_visible()

    card(page, "Write copy").drag_to(lane(page, "Doing"))
    expect(card(lane(page, "Doing"), "Write copy")).to_be_visible()
    card(page, "Ask Ada").focus()
    page.keyboard.press("Control+ArrowRight")
    expect(card(lane(page, "Doing"), "Ask Ada")).to_be_focused()

    acme.create_task("from elsewhere")
    expect(card(page, "from elsewhere")).to_be_visible(timeout=within(1_500))

    page.get_by_label("New task", exact=True).click()
    page.keyboard.type("dd xcv zab 00 m y")  # each of them a shortcut of the notebook
    page.keyboard.press("Enter")
    expect(card(lane(page, "To do"), "dd xcv zab 00 m y")).to_be_visible()
    assert page.locator(".jp-NotebookPanel .jp-Cell").count() == len(CELLS)

    command(page, "apputils:change-theme", theme="JupyterLab Dark")
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()


def test_every_cell_of_a_notebook_runs_while_two_others_write_to_its_workspace(lab_window, lab, desk, temporary):
    window = lab_window
    for notebook in NOTEBOOKS:
        shutil.copy(notebook, desk)
    open_notebook(window, lab, desk, NOTEBOOKS[0].stem)

    with writing(temporary):
        for notebook in NOTEBOOKS:
            turn_to(window, f"{desk.name}/{notebook.name}")
            before = {*temporary.glob("*/team.duckdb")}
            command(window, "notebook:run-all-cells")
            assert_that_all_went_well(ended(window, LONGEST), notebook)
            if notebook.stem == "admin":
                expect(window.get_by_role("row").filter(has_text="Tidy").first).to_be_visible()

    assert NOTEBOOKS[-1].stem == "quickstart"
    [database] = {*temporary.glob("*/team.duckdb")} - before
    with wsq.open(database) as elsewhere:
        assert_that_the_board_lives(window, elsewhere.store("acme"))


def turn_to(page, path):
    command(page, "docmanager:open", path=path, factory="Notebook")
    page.wait_for_function(
        "path => {"
        "  const widget = window.jupyterapp.shell.currentWidget;"
        "  return widget?.context?.path === path && widget.sessionContext?.session?.kernel?.status === 'idle';"
        "}",
        arg=path,
    )


def assert_that_all_went_well(ran, notebook):
    stored = json.loads(notebook.read_text("utf-8"))["cells"]
    assert [cell["id"] for cell in ran] == [cell["id"] for cell in stored if cell["cell_type"] == "code"]
    outputs = [output for cell in ran for output in cell["outputs"]]
    assert [each for each in outputs if each["output_type"] == "error" or each.get("name") == "stderr"] == []


def assert_that_the_board_lives(page, acme):
    card(page, "Triage").get_by_role("button", name="Run now").click()
    expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Completed")
    assert acme.executions()[0].trigger == "manual"

    acme.create_task("from another process")
    expect(card(page, "from another process")).to_be_visible()
