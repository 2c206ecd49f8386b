"""What the pages' scripts make of what they are told, in a real browser, without a server."""

import csv
import io
import re

import pytest
from playwright.sync_api import sync_playwright

from wsq.views import Board
from wsq.views.page import words
from wsq.views.page.hub import GRACE, scheduler_state
from wsq.views.statistics.component import StatisticsPage


@pytest.fixture(scope="module")
def page(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page()
        opened.add_script_tag(content=Board._esm.replace("export function", "function"))
        yield opened
        browser.close()


def says(page, seconds, scheduler):
    return page.evaluate("([seconds, scheduler]) => until(seconds, scheduler)", [seconds, scheduler])


@pytest.mark.parametrize(
    ("within", "words"),
    [
        (15, "due; next pass within 15 s"),
        (60, "due; next pass within 1 min"),
        (120, "due; next pass within 2 min"),
        (7200, "due; next pass within 2 h"),
    ],
)
def test_what_is_due_says_by_when_the_next_pass_comes(page, within, words):
    assert says(page, 0, {"state": "ok", "within": within}) == words
    assert says(page, -30, {"state": "ok", "within": within}) == words


def test_what_is_due_says_when_nobody_comes_by(page):
    assert says(page, 0, scheduler_state(None, GRACE + 1)) == "due; no scheduler has come by"
    assert says(page, 0, {"state": "late"}) == "due; no scheduler has come by"


def test_before_anything_is_known_of_the_scheduler_a_slot_is_just_due(page):
    assert says(page, 0, scheduler_state(None, 0)) == "due now"
    assert says(page, 0, None) == "due now"


def test_what_is_not_due_yet_counts_down_whatever_the_scheduler_does(page):
    for scheduler in (None, {"state": "late"}, {"state": "ok", "within": 60}):
        assert says(page, 61, scheduler) == "in 1:01"


def test_a_countdown_that_was_drawn_before_looks_at_the_header_each_second(page):
    said = page.evaluate(
        """() => {
          const frame = Object.create(Frame.prototype);
          frame.ahead = 0;
          frame.root = document.body;
          frame.root.append(frame.countdown("2026-03-02T12:00:00.000+00:00"));
          const drawn = frame.root.textContent;
          frame.header = { scheduler: { state: "ok", within: 120 } };
          frame.tick();
          return [drawn, frame.root.textContent];
        }"""
    )

    assert said == ["due now", "due; next pass within 2 min"]


def run(**fields):
    made = {"id": "r1", "status": "completed", "word": "Completed", "trigger": "Automatic", "seconds": 3, "tasks": 0}
    told = {"slots": 1, "count": 1, "verdict": None, "could_not": False, "reason": "", "loud": False, "offline": False}
    return made | told | {"at": "2026-03-02T12:00:00.000+00:00"} | fields


def parts(page, fields):
    return page.evaluate(
        """run => {
          const board = Object.create(BoardPage.prototype);
          board.ahead = 0;
          const row = board.drawRunRow(run);
          return [row.querySelector(".badge").textContent, row.querySelector(".what").textContent];
        }""",
        fields,
    )


def test_skips_that_are_told_as_one_say_how_many_they_are(page):
    why = "No scheduler was running when it was due"
    skipped = run(status="skipped", word="Skipped", seconds=0, reason=f"{why}.")

    assert parts(page, skipped | {"count": 12, "slots": 12}) == ["Skipped ×12", f"{why} · 12 slots"]
    assert parts(page, skipped) == ["Skipped", why]


def test_a_row_says_how_many_tasks_were_created(page):
    assert parts(page, run(tasks=2, verdict="Done")) == ["Completed", "Done · 2 tasks created"]
    assert parts(page, run(tasks=1, verdict="Done")) == ["Completed", "Done · 1 task created"]


def test_shares_and_money_are_written_on_every_page_as_the_server_writes_them(page):
    shares, amounts = [0, 0.0001, 0.5, 2 / 3, 0.9996, 1], [0, 0.00001, 0.01, 0.25, 0.999, 1234.5]

    assert page.evaluate("each => each.map(percent)", shares) == [words.share(share) for share in shares]
    assert page.evaluate("each => each.map(money)", amounts) == [words.money(amount) for amount in amounts]
    assert [words.share(share) for share in shares] == ["0 %", "0.1 %", "50.0 %", "66.7 %", "99.9 %", "100 %"]
    assert page.evaluate("[percent(null), money(null)]") == ["–", "–"]


def test_a_date_of_another_year_says_which(page):
    said = page.evaluate(
        "['2026', '2027'].map(year => dayAndHour(Date.parse(`${year}-06-01T12:00`), Date.UTC(2026, 5)))"
    )

    assert ["2026" in said[0], "2027" in said[1]] == [False, True]


def test_no_text_in_a_file_begins_a_formula_wherever_a_spreadsheet_parts_cells(page):
    harmless = ["Triage", "a; b", "1 = 1", "a-b", 'say "so"', "", "x\ny"]
    formulas = ["=1", "\n=1", "\t@x", "＝1", " +1", '"=1', "\u200b-1", "a;=1", 'a; "=1', "a\t=1", ";;＋1"]
    other = page.context.browser.new_page()
    other.add_script_tag(content=StatisticsPage._esm.replace("export function", "function"))

    def file(texts):
        return other.evaluate("each => csv([{ name: 'Name' }, { name: 'n' }], each.map(text => [text, -1]))", texts)

    assert list(csv.reader(io.StringIO(file(harmless), newline=""))) == [
        ["Name", "n"],
        *([each, "-1"] for each in harmless),
    ]
    for given, (read, number) in zip(
        formulas, list(csv.reader(io.StringIO(file(formulas), newline="")))[1:], strict=True
    ):
        assert read.replace("'", "") == given
        assert number == "-1"
        assert re.search(r"(^|[;\t\r\n])'", read)
        assert not re.search(r"(^|[;\t\r\n])[\s\u200b\"]*[=+@＝＋-]", read)
