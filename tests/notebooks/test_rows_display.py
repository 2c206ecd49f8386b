"""How lists of rows show themselves in a cell and on a terminal."""

import copy
import pickle
import subprocess
import sys
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.lib.pretty import pretty

from wsq.projections import Rows, Task
from wsq.projections.display import MOST_ROWS

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</td></tr></tbody></table><h1>out</h1>",
    "</caption><style>*{display:none}</style>",
    "\" onmouseover='alert(1)' x=\"",
    "&lt;b&gt; <!-- ]]> {{7*7}} javascript:alert(1)",
]
OURS = {"table", "caption", "thead", "tbody", "tr", "th", "td", "p"}


class Seen(HTMLParser):
    """The tags and attributes of a text, and what stands between them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.opened, self.texts = set(), set(), 0, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= set(attrs)
        self.opened += 1

    def handle_endtag(self, tag):
        self.opened -= 1

    def handle_data(self, data):
        self.texts.append(data)


def headings(html):
    return [part.split("</th>")[0] for part in html.split('<th style="text-align:left">')[1:]]


def test_a_list_shows_as_a_table_of_what_tells_its_rows_apart(acme):
    acme.create_task("Write copy", assignees=["Ada", "Grace"])
    acme.create_task("Two\nlines", status="doing")

    html, plain = acme.tasks()._repr_html_(), pretty(acme.tasks())

    assert headings(html) == ["title", "status", "assignees"]  # nobody has written a description
    assert "<caption>Tasks: 2</caption>" in html
    assert plain.splitlines() == [
        "title       status  assignees",
        "Write copy  todo    Ada, Grace",
        "Two lines   doing   –",
    ]


def test_every_list_that_a_question_returns_has_a_table(ws, acme):
    launch = acme.create_project("Launch", description="Ship 1.0")
    acme.create_document("Brief", "Calm and exact.", project_id=launch.id)
    acme.create_contact("Ada", email="ada@example.com")
    task = acme.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")
    execution = acme.run_now(task.id)

    asked = [
        ws.stores(), acme.projects(), acme.documents(), acme.contacts(), acme.tasks(), acme.recurring_tasks(),
        acme.executions(), acme.executions(task.id), acme.transcript(execution.id),
        acme.documents_made_by(execution.id), acme.as_of(ws.clock.now()).tasks(),
    ]  # fmt: skip

    for rows in asked:
        told = DisplayFormatter().format(rows)[0]
        assert set(told) == {"text/plain", "text/html"}
        assert len(told["text/plain"].splitlines()) == len(rows) + 1
    assert "4 hours" in acme.recurring_tasks()._repr_html_()
    assert "create_task({" in pretty(acme.transcript(execution.id))


def test_a_list_of_nothing_says_what_there_is_none_of(ws, acme):
    acme.create_task("so that there is a store")

    assert acme.projects()._repr_html_() == "<p>No projects.</p>"
    assert pretty(acme.recurring_tasks()) == "No recurring tasks."
    assert pretty(acme.executions()) == "No executions."


def test_of_a_long_list_fifty_are_shown_and_the_others_counted(acme):
    for number in range(MOST_ROWS + 3):
        acme.create_task(f"task {number}")

    html, plain = acme.tasks()._repr_html_(), pretty(acme.tasks())

    assert "task 49" in html
    assert "task 50" not in html
    assert "… and 3 more" in html
    assert plain.endswith("\n… and 3 more")
    assert "more" not in pretty(acme.tasks()[3:])


def test_a_long_text_is_cut_and_instants_are_told_to_the_second(acme, clock):
    clock.advance(timedelta(microseconds=123456))
    acme.create_document("Brief", "word " * 1000)

    html = acme.documents()._repr_html_()

    assert "word…</td>" in html
    assert len(html) < 600
    assert "2026-03-02 12:00:00+00:00</td>" in html


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_people_and_models_wrote_is_text_in_every_field(ws, acme, payload):
    project = acme.create_project(payload, description=payload)
    acme.create_document(payload, payload, project_id=project.id)
    acme.create_contact(payload, notes=payload)
    acme.create_task(payload, description=payload, assignees=[payload])
    task = acme.create_recurring_task(
        payload, f"Create a task called '{payload}'", every="1 day", description=payload, assignees=[payload]
    )
    execution = acme.run_now(task.id)
    acme.disable_recurring_task(task.id, reason=payload)
    ws.update_store(acme.id, name=payload)

    for rows in (
        ws.stores(), acme.projects(), acme.documents(), acme.contacts(), acme.tasks(), acme.recurring_tasks(),
        acme.executions(), acme.transcript(execution.id),
    ):  # fmt: skip
        seen = Seen(rows._repr_html_())
        assert seen.tags <= OURS
        assert seen.attributes <= {("style", "text-align:left"), ("class", "tex2jax_ignore mathjax_ignore")}
        assert seen.opened == 0
    assert payload in Seen(acme.tasks()._repr_html_()).texts


def test_a_terminal_is_told_nothing_that_it_would_obey(acme):
    acme.create_task("\x1b]0;gone\x07 \x1b[2J \u202ereversed\r\x9b31m", description="a\tb\nc")

    plain = pretty(acme.tasks())

    assert not [sign for sign in plain if ord(sign) < 32 and sign != "\n"]
    assert not set(plain) & {"\x9b", "\u202e"}
    assert "a b c" in plain


def test_columns_stand_under_each_other_whatever_is_written_in_them(acme):
    acme.create_task("漢字")
    acme.create_task("e\u0301te\u0301", status="doing")

    assert pretty(acme.tasks()).splitlines() == ["title  status", "漢字   todo", "e\u0301te\u0301    doing"]


def test_rows_are_a_list_like_any_other(acme):
    acme.create_task("a")
    acme.create_task("b")
    rows = acme.tasks()

    assert rows == list(rows)
    assert isinstance(rows, list)
    assert repr(rows) == repr(list(rows))
    for other in (rows[:1], rows[::-1], rows.copy(), copy.copy(rows), copy.deepcopy(rows)):
        assert isinstance(other, Rows)
        assert other.kind is Task
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(rows, protocol))
        assert back == rows
        assert (type(back), back.kind) == (Rows, Task)


def test_a_list_among_others_is_told_in_brief(acme):
    acme.create_task("a")

    assert pretty((acme.tasks(), [acme.tasks()])) == "([<Task a · todo>], [[<Task a · todo>]])"


def test_a_list_shows_the_same_each_time_and_in_every_process(acme, database):
    acme.create_task("Write copy", assignees=["Ada"])
    show = (
        "import sys, wsq; from IPython.lib.pretty import pretty\n"
        "rows = wsq.open(sys.argv[1]).store('acme').tasks(); print(pretty(rows), rows._repr_html_(), sep='\\n')"
    )

    there = subprocess.run([sys.executable, "-c", show, str(database)], capture_output=True, text=True, check=True)

    assert there.stdout == f"{pretty(acme.tasks())}\n{acme.tasks()._repr_html_()}\n"


def test_asking_for_rows_loads_nothing_that_only_pages_need(database):
    ask = (
        "import sys, wsq\nwith wsq.open(sys.argv[1]) as ws:\n    ws.store('a').create_task('x')\n"
        "    ws.store('a').tasks()._repr_html_()\n"
        "print(sorted({'pandas', 'panel', 'pydantic', 'IPython'} & set(sys.modules)))"
    )

    there = subprocess.run([sys.executable, "-c", ask, str(database)], capture_output=True, text=True, check=True)

    assert there.stdout == "[]\n"
