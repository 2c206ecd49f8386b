"""The pages' scripts as they are joined, in a real browser without a server; tests/js has those that need none."""

import re

import pytest

import wsq.views.page.scripts
from wsq.views import Board
from wsq.views.admin.component import Admin
from wsq.views.library.component import Library
from wsq.views.live.refusal import RefusalPage
from wsq.views.page import words
from wsq.views.page.scripts import script
from wsq.views.since.component import SincePage
from wsq.views.statistics.component import StatisticsPage

PAGES = (Board, Admin, Library, RefusalPage, SincePage, StatisticsPage)


@pytest.fixture(scope="module")
def page(browser):
    """A page where the modules of the board's script can be called by what they export."""
    with browser.new_context() as context:
        opened = context.new_page()
        opened.add_script_tag(content=Board._esm.rpartition("export {")[0])
        yield opened


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module where those of the package are looked for."""
    monkeypatch.setattr(wsq.views.page.scripts, "files", lambda _package: tmp_path)
    wsq.views.page.scripts._module.cache_clear()

    def written(name, text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    yield written
    wsq.views.page.scripts._module.cache_clear()


@pytest.mark.parametrize("kind", PAGES)
def test_every_page_is_one_module_that_exports_what_panel_calls(browser, kind):
    opened, errors = browser.new_page(), []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.add_script_tag(content=f"{kind._esm}\nwindow.kind = typeof render;", type="module")
    opened.wait_for_function("window.kind")

    assert opened.evaluate("window.kind") == "function"
    assert errors == []
    assert not re.search(r"^import|^\s|^//", kind._esm, re.MULTILINE)
    opened.close()


def test_modules_are_joined_in_the_order_of_their_imports_each_in_its_own_scope(browser, write):
    write("page.js", 'import { b } from "./parts/b.js";\nimport {\n  a,\n  A,\n} from "./parts/a.js";\n\n'
          "const own = 1;\nconst other = 0;\n\n"
          "export function render() {\n  return [own + other, a(), A, b];\n}\n")  # fmt: skip
    write("parts/a.js", 'import { other } from "./c.js";\n\n// Why.\nconst own = 2;\n\n/**\n * What.\n */\n'
          "export async function a() {\n  return own + other;\n}\n\nexport class A {}\n")  # fmt: skip
    write("parts/c.js", "export const other = 40;\n")
    write("parts/b.js", 'import { a } from "./a.js";\n\nconst own = "// text";\nexport const b = own + typeof a;\n')

    joined = script("page.js")

    opened = browser.new_page()
    opened.add_script_tag(content=f"{joined}\nwindow.found = render();", type="module")
    opened.wait_for_function("window.found")
    found = "found.map(each => Promise.resolve(each).then(String))"
    assert opened.evaluate(f"Promise.all({found})") == ["1", "42", "class A {}", "// textfunction"]
    assert not re.search(r"^\s|Why|What", joined, re.MULTILINE)
    opened.close()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('import { b } from "./b.js";\nexport const a = b;\n', "imports itself"),
        ('import { gone } from "./c.js";\n', "does not export"),
        ('import { c as d } from "./c.js";\n', "does not export"),
        ('import c from "./c.js";\n', "cannot be joined"),
        ("export default 1;\n", "cannot be joined"),
        ("const a = 1;\nexport { a };\n", "cannot be joined"),
        ('import { c } from "./c.js";\nexport const c2 = c;\nexport const c = 1;\n', "same names"),
    ],
)
def test_a_module_that_cannot_be_joined_is_refused(write, text, complaint):
    write("a.js", text)
    write("b.js", 'import { a } from "./a.js";\nexport const b = a;\n')
    write("c.js", "export const c = 1;\n")

    with pytest.raises(ValueError, match=complaint):
        script("a.js")


def test_a_countdown_that_was_drawn_before_follows_the_scheduler(page):
    said = page.evaluate(
        """() => {
          const clock = new Clock(new Date().toISOString());
          document.body.append(clock.countdown("2020-03-02T12:00:00.000+00:00"));
          const drawn = document.body.textContent;
          clock.scheduler = { state: "ok", within: 120 };
          clock.tick(document.body);
          return [drawn, document.body.textContent];
        }"""
    )

    assert said == ["due now", "due; next pass within 2 min"]


def run(**fields):
    row = {"id": "r1", "status": "completed", "word": "Completed", "trigger": "Automatic", "seconds": 3, "tasks": 0}
    more = {"slots": 1, "count": 1, "verdict": None, "could_not": False, "reason": "", "loud": False, "offline": False}
    return row | more | {"at": "2026-03-02T12:00:00.000+00:00"} | fields


def parts(page, fields):
    return page.evaluate(
        """run => {
          const row = drawRunRow({ clock: new Clock(run.at) }, run);
          return [row.querySelector(".badge").textContent, row.querySelector(".what").textContent];
        }""",
        fields,
    )


def test_skips_that_are_shown_as_one_say_how_many_they_are(page):
    why = "No scheduler was running when it was due"
    skipped = run(status="skipped", word="Skipped", seconds=0, reason=f"{why}.")

    assert parts(page, skipped | {"count": 12, "slots": 12}) == ["Skipped ×12", f"{why} · 12 scheduled runs"]
    assert parts(page, skipped) == ["Skipped", why]


def test_a_row_says_how_many_tasks_were_created(page):
    assert parts(page, run(tasks=2, verdict="Done")) == ["Completed", "Done · 2 tasks created"]


def test_shares_and_money_are_written_on_every_page_as_the_server_writes_them(page):
    shares, amounts = [0, 0.0001, 0.5, 2 / 3, 0.9996, 1], [0, 0.00001, 0.01, 0.25, 0.999, 1234.5]

    assert page.evaluate("each => each.map(percent)", shares) == [words.share(share) for share in shares]
    assert page.evaluate("each => each.map(money)", amounts) == [words.money(amount) for amount in amounts]
