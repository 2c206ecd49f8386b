"""The statistics page in a real browser: figures, charts, filters in the address, CSV, the way to an execution."""

import csv
import json
import random
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

import wsq
from tests.domain.lives import lives, write
from tests.views.axe import serious
from tests.views.payloads import PAYLOADS
from tests.views.serving import served as serving
from tests.views.test_hostile_texts_browser import FOREIGN
from tests.views.windows import eventually
from wsq.agent.providers import ScriptedProvider, finish
from wsq.agent.providers.base import ProviderError
from wsq.views.statistics.component import StatisticsPage

HOSTILE = [payload.text for payload in PAYLOADS if len(payload.text) <= 150 and "\n" not in payload.text][:12]

INK = """(section) => {
  const found = [];
  const look = (root) => root.querySelectorAll("*").forEach((each) => {
    if (each.localName === "canvas") found.push(each);
    if (each.shadowRoot) look(each.shadowRoot);
  });
  look(section);
  const colours = new Set();
  for (const canvas of found) {
    if (!canvas.width || !canvas.height) continue;
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let at = 0; at < pixels.length; at += 4) {
      const hue = [0, 1, 2].map((n) => pixels[at + n].toString(16).padStart(2, "0")).join("");
      if (pixels[at + 3] === 255) colours.add(`#${hue}`);
    }
  }
  return [...colours];
}"""
"""The colours that are drawn in a chart."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace of this module's own, for the page shows all its stores."""
    return tmp_path_factory.mktemp("statistics") / "team.duckdb"


@pytest.fixture(scope="module")
def served(place):
    with serving(place, notice="A notice for all") as server:
        yield server.url


@pytest.fixture(scope="module")
def busy(team):
    """A month of a store with everything in it, and one execution of another store that failed."""
    team.create_store("busy", name=HOSTILE[0])
    busy, chance = team.store("busy"), random.Random(7)
    projects = [busy.create_project(HOSTILE[1]).id, None]
    tasks = [
        busy.create_recurring_task(name, "List the tasks", every="1 day", project_id=projects[n % 2])
        for n, name in enumerate(["=1+1", *HOSTILE[2:]])
    ]
    now = team.clock.now()
    write(team, {"busy": list(lives(busy, tasks, now - timedelta(days=20), now - timedelta(hours=2), 300, chance))})
    with wsq.open(team.place, provider=ScriptedProvider([ProviderError("Not valid.", retryable=False)])) as other:
        fail = other.store("other").create_recurring_task("Fails", "List the tasks", every="1 day")
        other.store("other").run_now(fail.id)
    return busy


@pytest.fixture
def acme(request, team):
    """What is opened: the busy store, or one of the test's own."""
    if "busy" in request.fixturenames:
        return request.getfixturevalue("busy")
    team.create_store("quiet", exist_ok=True)
    return team.store("quiet")


def chart(page, title):
    return page.get_by_role("region", name=title, exact=True)


def figure(page, name):
    return page.locator(f"[data-figure={name}] strong")


def drawn(page, title):
    section = chart(page, title)
    section.scroll_into_view_if_needed()
    eventually(lambda: len(section.evaluate(INK)) > 1)
    return section.evaluate(INK)


def saved(page, press):
    """The name and the rows of the file that a button downloads."""
    with page.expect_download() as download:
        press.click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        return download.value.suggested_filename, list(csv.reader(file))


@pytest.mark.journey
def test_figures_charts_filters_and_files(open_board, busy):
    found = busy.workspace.statistics("busy")
    page = open_board(path="statistics")

    # The figures are those of the statistics
    expect(figure(page, "executions")).to_have_text(str(found.total.executions))
    expect(figure(page, "success_rate")).to_have_text(f"{found.total.success_rate * 100:.1f} %")

    # Every chart is drawn, in the colours of its theme
    light = drawn(page, "Runs per day")
    assert {"#2a9458", "#d33f55", "#868e99"} <= set(light)
    for title in (
        "Success rate per day", "Duration per day", "Cost per day", "Tokens per day", "Lateness of starts per day",
        "Failures by reason", "Skipped scheduled runs by reason",
    ):  # fmt: skip
        drawn(page, title)

    # What a chart shows stands beside it, and comes as a file
    section = chart(page, "Runs per day")
    section.get_by_text("Table").click()
    expect(section.get_by_role("row")).to_have_count(31)
    name, (heading, *rows) = saved(page, section.get_by_role("button", name="CSV of Runs per day"))
    assert name == "executions.csv"
    assert heading == ["Day", "Completed", "Could not", "Failed", "Cancelled", "Running", "Skipped"]
    assert rows == [
        [day.day.isoformat(), *map(str, (
            day.completed - day.could_not, day.could_not, day.failed, day.cancelled, day.running, day.skipped,
        ))]
        for day in found.days
    ]  # fmt: skip

    # A name that a spreadsheet would take for a formula is told to be a text
    _, rows = saved(page, page.get_by_role("button", name="CSV of Recurring tasks"))
    names = [row[0] for row in rows]
    assert "'=1+1" in names
    assert not [name for name in names if name[:1] in "=+-@"]

    # A filter changes the figures and stands in the address, also after a reload
    task = found.tasks[0]
    page.get_by_label("Recurring task", exact=True).select_option(task.id)
    expect(figure(page, "executions")).to_have_text(str(task.executions))
    expect(page).to_have_url(re.compile(f"task={task.id}"))
    page.reload()
    expect(figure(page, "executions")).to_have_text(str(task.executions))
    expect(page.get_by_label("Recurring task", exact=True)).to_have_value(task.id)

    # A span is chosen with the keyboard; one of one's own has two dates
    page.get_by_label("Recurring task", exact=True).select_option("")
    page.get_by_role("radio", name="30 days").focus()
    page.keyboard.press("ArrowLeft")
    week = busy.workspace.statistics("busy", days=7).total.executions
    expect(figure(page, "executions")).to_have_text(str(week))
    expect(page).to_have_url(re.compile("days=7"))
    page.get_by_role("radio", name="Custom").check(force=True)
    day = found.days[-8]
    page.get_by_label("From", exact=True).fill(day.day.isoformat())
    page.get_by_label("To", exact=True).fill(day.day.isoformat())
    expect(figure(page, "executions")).to_have_text(str(day.executions))
    expect(page).to_have_url(re.compile(f"from={day.day}&to={day.day}"))
    drawn(page, "Runs per day")  # one point

    # A span in which nothing ran says so, and one that ends before it begins is refused
    page.get_by_label("From", exact=True).fill("2001-02-03")
    page.get_by_label("To", exact=True).fill("2001-02-04")
    expect(chart(page, "Runs per day")).to_contain_text("Nothing ran in this span.")
    expect(figure(page, "success_rate")).to_have_text("–")
    page.get_by_label("To", exact=True).fill("2001-02-01")
    trouble = page.get_by_role("alert").filter(has_text="before it begins")
    expect(trouble).to_contain_text(re.compile("from .*3.* 2001 to .*1.* 2001"))
    for old in (figure(page, "executions"), chart(page, "Runs per day")):
        expect(old).to_be_hidden()
    page.get_by_role("button", name="Show all").click()
    expect(figure(page, "executions")).to_have_text(str(found.total.executions))

    # In the dark the charts have other colours
    page.get_by_role("button", name="Dark theme").click()
    page.get_by_role("main").evaluate("main => main.scrollTo(0, 0)")
    eventually(lambda: "#46b878" in chart(page, "Runs per day").evaluate(INK))


def test_failures_lead_to_their_executions_and_names_of_strangers_run_nothing(open_board, busy):
    page = open_board(path="statistics")
    failure = busy.workspace.statistics("busy").recent_failures[0]
    failures = chart(page, "Recent failures")

    # Of this page's store the execution opens here, also after a reload
    failures.get_by_role("link").first.click()
    dialog = page.get_by_role("dialog", name="Execution")
    expect(dialog).to_contain_text("It went wrong.")
    expect(dialog).to_contain_text(failure.name)
    page.reload()
    expect(dialog).to_contain_text("It went wrong.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    # Of another store it opens on its board
    page.get_by_label("Store", exact=True).select_option("")
    expect(page.get_by_role("row").filter(has_text="other").first).to_be_visible()
    failures.get_by_role("link", name="Fails").click()
    page.wait_for_url("**/board?store=other&open=execution**")
    expect(page.get_by_role("dialog", name="Execution")).to_contain_text("Not valid.")
    page.go_back()

    # Names are read, and nothing in them is run
    for name in HOSTILE[2:5]:
        expect(page.get_by_role("button", name=name, exact=True).first).to_be_visible()
    page.wait_for_timeout(150)
    assert page.evaluate(FOREIGN) == {"found": [], "broken": None}
    assert page.title() == "Statistics · wsq"

    # A change by another process shows, and takes nobody's place away
    page.get_by_label("Store", exact=True).select_option("busy")
    before = busy.workspace.statistics("busy").total.executions
    expect(figure(page, "executions")).to_have_text(str(before))
    press = page.get_by_role("button", name="CSV of Lateness of starts per day")
    press.focus()
    place = page.get_by_role("main").evaluate("main => main.scrollTop")
    with wsq.open(busy.workspace.place, provider=ScriptedProvider([finish()])) as other:
        other.store("busy").run_now(busy.recurring_tasks()[0].id)
    expect(figure(page, "executions")).to_have_text(str(before + 1))
    expect(press).to_be_focused()
    assert page.get_by_role("main").evaluate("main => main.scrollTop") == place > 0


def test_nothing_serious_stands_in_the_way_of_anybody_on_a_telephone(open_board, busy):
    page = open_board(path="statistics", width=390, height=844, also="&days=90")
    expect(figure(page, "executions")).not_to_have_text("0")
    drawn(page, "Runs per day")
    page.get_by_text("What the figures mean").click()
    for folded in page.get_by_text("Table", exact=True).all()[:2]:
        folded.click()

    expect(page.get_by_text("A notice for all")).to_be_visible()
    assert serious(page) == []
    for width in (390, 768, 1440, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert page.get_by_role("main").evaluate("main => main.scrollWidth <= main.clientWidth")


def test_a_pause_is_told_of_what_is_counted_and_ended_where_it_can_be(open_board, team, busy):
    busy.pause(reason="Too dear")
    team.store("other").pause(reason="Away")
    page = open_board(path="statistics")
    banners, resume = page.locator(".banner.amber"), page.get_by_role("button", name="Resume")
    expect(banners.filter(has_text="Too dear")).to_be_visible()

    # Another store's is told without a button, for the page carries out nothing in it
    page.get_by_label("Store", exact=True).select_option("other")
    expect(banners.filter(has_text="Away")).to_be_visible()
    expect(banners.filter(has_text="Too dear")).to_have_count(0)
    expect(resume).to_have_count(0)

    # Of all stores together it tells none
    page.get_by_label("Store", exact=True).select_option("")
    expect(banners.filter(has_text="Away")).to_have_count(0)

    # Its own store's is ended here, and no other
    page.get_by_label("Store", exact=True).select_option("busy")
    resume.click()
    expect(banners.filter(has_text="Too dear")).to_have_count(0)
    assert [each.id for each in team.stores() if each.paused_at is not None] == ["other"]


def test_with_the_figures_come_the_pauses_of_which_the_page_may_not_have_heard(store):
    store.create_task("First")
    page = StatisticsPage(store)
    try:
        store.pause()
        asked = dict.fromkeys(("project", "task", "model", "since", "until"))
        ask = {"type": "statistics", "ref": 1, "store": None, "days": 7, "theme": "light", "known": "", **asked}
        answer = page.completed(page._dispatcher.answer(json.dumps(ask)))
    finally:
        page.close()

    assert list(answer["header"]["pauses"]["stores"]) == [store.id]


def test_a_store_that_is_still_to_be_created_says_that_nothing_has_run(open_board, acme):
    page = open_board(path="statistics")
    stores = page.get_by_label("Store", exact=True)
    expect(page.locator(".chart").first).to_be_visible()

    stores.evaluate("(select) => select.append(new Option('new', 'new'))")
    stores.select_option("new")

    expect(page.get_by_text("Nothing has run in this store yet.")).to_be_visible()
    expect(page.locator(".chart").first).to_be_hidden()
