"""The statistics page while its figures are there and its tables are still being counted, in a real browser."""

from contextlib import suppress
from functools import partial

import pytest
from playwright.sync_api import expect

import wsq
from tests.views.gates import hold_counts
from tests.views.serving import served as serving
from tests.views.windows import eventually
from wsq.agent.providers import OfflineProvider

NOTED = """() => {
  const find = (root) => root.querySelector("main.statistics") ?? [...root.querySelectorAll("*")]
    .filter((each) => each.shadowRoot).map((each) => find(each.shadowRoot)).find(Boolean);
  const main = find(document);
  window.seen = new Set();
  const look = () => main.querySelectorAll("[data-group^='task ']").forEach((each) => {
    if (each.checkVisibility({ visibilityProperty: true })) window.seen.add(each.textContent);
  });
  new MutationObserver(look).observe(main, { subtree: true, childList: true, attributes: true });
}"""
"""Note the recurring tasks that a table shows from now on, were it for a moment."""


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("parts") / "team.duckdb"


@pytest.fixture(scope="module")
def served(place, gates):
    with serving(place, prepare=partial(hold_counts, gates)) as server:
        yield server.url


@pytest.fixture
def hold(gates):
    """Make a pass wait, until what this returns is called."""
    yield lambda name: (gates / name).touch() or (gates / name).unlink
    for each in gates.iterdir():
        with suppress(FileNotFoundError):
            each.unlink()


@pytest.fixture(scope="module")
def tasks(team):
    """Two recurring tasks, that ran once and twice."""
    with wsq.open(team.place, provider=OfflineProvider()) as other:
        store = other.store("parts")
        made = [store.create_recurring_task(name, "List the tasks", every="1 day") for name in ("Once", "Twice")]
        for task in (made[0], made[1], made[1]):
            store.run_now(task.id)
    return made


@pytest.fixture
def acme(team):
    return team.store("parts")


def figure(page):
    return page.locator("[data-figure=executions] strong")


def rows(page):
    return page.get_by_role("region", name="Recurring tasks", exact=True).locator("[data-group]")


def test_figures_and_charts_stand_there_before_tables_and_those_are_never_of_another_filter(open_board, tasks, hold):
    # A page that opens shows its figures and charts while its tables are still being counted
    let_groups = hold("_groups")
    page = open_board(path="statistics")
    expect(figure(page)).to_have_text("3")
    expect(page.get_by_role("region", name="Skipped scheduled runs by reason", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Runs", exact=True)).to_contain_text("3 completed, 0 failed")
    expect(rows(page)).to_have_count(0)
    let_groups()
    expect(rows(page)).to_have_text(["Twice", "Once"])

    # Of a filter that is changed the figures come first, and the tables of the former one are not seen beside them
    received = []
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.webSocketFrameReceived", lambda told: received.append(told["response"]["payloadData"]))
    pick = page.get_by_label("Recurring task", exact=True)
    let_groups = hold("_groups")
    pick.select_option("Once")
    expect(figure(page)).to_have_text("1")
    expect(rows(page).first).to_be_hidden()
    page.evaluate(NOTED)

    # It is changed again: what comes of the former one meanwhile is not shown, before the new figures and after
    let_figures = hold("_by_day")
    pick.select_option("Twice")
    received.clear()
    let_groups()
    eventually(lambda: page.wait_for_timeout(20) or "lists" in "".join(received))
    page.wait_for_timeout(100)
    assert page.evaluate("[...window.seen]") == []
    let_figures()
    expect(figure(page)).to_have_text("2")
    expect(rows(page)).to_have_text(["Twice"])
    expect(rows(page).first).to_be_visible()
    assert page.evaluate("[...window.seen]") == ["Twice"]

    # And the tables come again when the first filter does, though the page knows them
    pick.select_option("")
    expect(rows(page)).to_have_text(["Twice", "Once"])
    eventually(rows(page).last.is_visible)
    wire.detach()
