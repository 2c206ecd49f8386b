"""The forms without a browser: judged, filled in, saved."""

from datetime import timedelta

import param
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsq.errors import Conflict, InvalidInput, NotFound
from wsq.views.dialogs.forms import (
    FORMS,
    ContactForm,
    DocumentForm,
    ProjectForm,
    RecurringTaskForm,
    Refused,
    TaskForm,
)


def triage(**fields):
    return RecurringTaskForm(**({"name": "Triage", "prompt": "List the tasks", "every": "4", "unit": "hours"} | fields))


@pytest.mark.parametrize("kind", FORMS.values())
def test_every_form_is_a_parameterized_class_whose_fields_say_what_they_are(kind):
    assert issubclass(kind, param.Parameterized)
    assert all(kind.param[name].doc for name in kind().fields())
    assert set(kind._meanings) <= set(kind().fields())


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"prompt": "\n "}, "prompt"),
        ({"prompt": "x" * 20_001}, "prompt"),
        ({"description": "x" * 20_001}, "description"),
        ({"every": ""}, "every"),
        ({"every": "0"}, "every"),
        ({"every": "-1"}, "every"),
        ({"every": "1.5"}, "every"),
        ({"every": "4 hours; drop"}, "every"),
        ({"every": "9999", "unit": "days"}, "every"),
        ({"every": "²"}, "every"),
        ({"starting": "25:00"}, "starting"),
        ({"starting": "tomorrow"}, "starting"),
        ({"starting": "1850-01-01T00:00"}, "starting"),
        ({"starting": "9999-12-31T23:59"}, "starting"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"budget_per_day": "a lot"}, "budget_per_day"),
        ({"budget_per_day": "-1"}, "budget_per_day"),
        ({"budget_per_day": "nan"}, "budget_per_day"),
        ({"time_limit": ""}, "time_limit"),
        ({"time_limit": "2 hours"}, "time_limit"),
        ({"time_limit": "0 seconds"}, "time_limit"),
        ({"assignees": ["Ada", " "]}, "assignees"),
        ({"assignees": [f"p{n}" for n in range(51)]}, "assignees"),
        ({"model": "x" * 201}, "model"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_beside_its_field_and_nothing_is_made(store, fields, wrong):
    form = triage(**fields)

    problems = form.problems()

    assert wrong in problems
    assert all(sentence.endswith(".") for sentence in problems.values())
    with pytest.raises(Refused) as refused:
        form.create(store)
    assert refused.value.problems == problems
    assert store.workspace.stores() == []


@given(st.dictionaries(st.sampled_from(sorted(RecurringTaskForm().fields())), st.text(max_size=40)))
def test_whatever_is_typed_is_judged_and_never_breaks_a_form(fields):
    try:
        form = RecurringTaskForm.typed(fields)
    except InvalidInput:
        return  # no browser sends it: a list or a choice is something else
    assert all(sentence.endswith(".") for sentence in form.problems().values())


def test_all_that_was_typed_reaches_the_task(store):
    project = store.create_project("Launch")

    made = triage(
        description="Mornings",
        starting="09:30",
        timezone="Europe/Berlin",
        project_id=project.id,
        assignees=["Ada", "Bo, Jr."],
        model="claude-haiku-4-5",
        missed="run_once",
        budget_per_day="$0.50",
        time_limit="90 seconds",
        skip_unchanged=True,
    ).create(store)

    assert (made.name, made.prompt, made.description) == ("Triage", "List the tasks", "Mornings")
    assert (made.interval_value, made.interval_unit, made.starting, made.timezone) == (
        4,
        "hours",
        "09:30",
        "Europe/Berlin",
    )
    assert (made.project_id, made.assignees, made.model) == (project.id, ("Ada", "Bo, Jr."), "claude-haiku-4-5")
    assert (made.missed, made.budget_per_day, made.time_limit) == ("run_once", 0.5, timedelta(seconds=90))
    assert made.skip_unchanged


def test_a_date_and_time_is_that_of_the_tasks_own_zone(store):
    made = triage(starting="2031-07-01T08:00", timezone="America/New_York").create(store)

    assert made.next_execution_at.isoformat() == "2031-07-01T12:00:00+00:00"
    assert RecurringTaskForm.of(made).starting == "2031-07-01T08:00"


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"starting": "08:15"},
        {"starting": "2031-07-01T08:00:30+05:30", "timezone": "Asia/Kolkata"},
        {"budget_per_day": 0.1},
        {"budget_per_day": 0.0},
        {"time_limit": "90 seconds"},
        {"time_limit": "1 hour"},
        {"assignees": ["Bo, Jr."]},
        {"missed": "run_once"},
        {"starting": "2030-10-27T02:30:00+01:00", "timezone": "Europe/Berlin"},
    ],
)
def test_a_form_that_was_only_opened_and_saved_changes_nothing(store, given_):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours", **given_)
    before = len(store.events())

    saved = RecurringTaskForm.typed(RecurringTaskForm.of(task).fields()).save(store, task.id, task.version)

    assert saved == task
    assert len(store.events()) == before


def test_only_what_was_touched_is_changed(store):
    task = store.create_recurring_task(
        "Triage", "List the tasks", every="4 hours", starting="2031-07-01T08:00:00+02:00"
    )
    form = RecurringTaskForm.of(task)
    form.name, form.budget_per_day = "Sort", "2"

    saved = form.save(store, task.id, task.version)

    assert (saved.name, saved.budget_per_day, saved.starting, saved.anchor) == ("Sort", 2.0, task.starting, task.anchor)


def test_another_zone_takes_the_date_and_time_along_as_it_reads(store):
    task = triage(starting="2031-07-01T08:00", timezone="Europe/Berlin").create(store)
    form = RecurringTaskForm.of(task)
    form.timezone = "America/New_York"

    saved = form.save(store, task.id, task.version)

    assert (saved.timezone, saved.next_execution_at.isoformat()) == ("America/New_York", "2031-07-01T12:00:00+00:00")


def test_who_comes_second_is_refused(store):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours")
    form = RecurringTaskForm.of(task)
    store.update_recurring_task(task.id, name="Sort")
    form.prompt = "Something else"

    with pytest.raises(Conflict):
        form.save(store, task.id, task.version)

    assert store.recurring_task(task.id).prompt == "List the tasks"


def test_a_new_form_has_the_zone_of_its_store(workspace, store):
    workspace.create_store("tokyo", timezone="Asia/Tokyo")

    assert RecurringTaskForm.blank(workspace.store("tokyo")).timezone == "Asia/Tokyo"
    assert RecurringTaskForm.blank(store).timezone == "UTC"


@pytest.mark.parametrize("kind", FORMS.values())
def test_a_new_form_is_empty_where_people_write(store, kind):
    fields = kind.blank(store).fields()

    assert {fields.get(name, "") for name in ("name", "title", "prompt", "content", "description")} == {""}


def test_the_form_foretells_runs_and_costs_and_names_what_stays(store):
    remarks = triage(prompt="{{today}} {{weather}} {{ weather }} {{project}}", starting="09:00").remarks(store, None)

    assert len(remarks["next"]) == 3
    assert remarks["cost"] == "6 runs a day, cost unknown until it has run; at most $1.00 a day."
    assert remarks["kept"] == ["{{weather}}"]


def test_the_form_of_a_task_foretells_what_another_interval_would_cost(store):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours", budget_per_day=0.5)
    store.run_now(task.id)
    form = RecurringTaskForm.of(task)
    assert form.remarks(store, task.id)["next"][0] == task.next_execution_at.isoformat()

    form.every = "2"

    assert form.remarks(store, task.id)["cost"] == "12 runs a day, about $0.00; at most $0.50 a day."


@pytest.mark.parametrize("fields", [{"every": "x"}, {"timezone": "Mars/Base"}, {"starting": "soon"}])
def test_nothing_is_foretold_of_a_schedule_that_cannot_be_understood(store, fields):
    assert triage(**fields).remarks(store, None) == {"kept": [], "next": [], "cost": None}


def test_a_task_is_edited_and_moved_in_one_form(store):
    task = store.create_task("Write copy")
    form = TaskForm.of(task)
    form.title, form.assignees, form.status = "Write good copy", ["Ada"], "doing"

    saved = form.save(store, task.id, task.version)

    assert (saved.title, saved.assignees, saved.status) == ("Write good copy", ("Ada",), "doing")


def test_a_project_is_made_and_edited(store):
    made = ProjectForm(name="Launch", description="Ship it").create(store)
    form = ProjectForm.of(made)
    form.description = ""

    assert form.save(store, made.id, made.version).description == ""
    assert ProjectForm(name=" ").problems().keys() == {"name"}


def test_a_contact_is_made_linked_and_unlinked(store):
    one, two, three = (store.create_project(name).id for name in ("One", "Two", "Three"))
    made = ContactForm(name="Ada", email="ada@example.com", notes="Leads.", project_ids=[one, two]).create(store)
    assert (made.email, made.notes, set(made.project_ids)) == ("ada@example.com", "Leads.", {one, two})
    form = ContactForm.of(made)
    form.email, form.project_ids = "", [two, three]

    saved = form.save(store, made.id, made.version)

    assert (saved.email, set(saved.project_ids)) == (None, {two, three})


def test_an_address_that_is_none_or_is_anothers_is_refused(store):
    ContactForm(name="Ada", email="ada@example.com").create(store)

    assert ContactForm(name="Bo", email="at example").problems().keys() == {"email"}
    with pytest.raises(InvalidInput):
        ContactForm(name="Bo", email="ADA@example.com").create(store)


def test_a_document_of_the_greatest_length_is_made_and_edited_and_a_longer_one_refused(store):
    project = store.create_project("Launch").id
    made = DocumentForm(title="Brief", content="x" * 1_000_000, project_ids=[project]).create(store)
    assert (len(made.content), made.project_ids) == (1_000_000, (project,))
    form = DocumentForm.of(made)
    form.content += "x"

    with pytest.raises(Refused):
        form.save(store, made.id, made.version)
    form.content, form.project_ids = "short", []
    saved = form.save(store, made.id, made.version)

    assert (saved.content, saved.project_ids) == ("short", ())


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_for_a_new_row_has_no_name_or_title_yet(store, kind):
    fields = FORMS[kind].blank(store).fields()

    assert {fields[each] for each in ("name", "title") if each in fields} == {""}


def test_the_draft_of_an_email_can_be_opened_as_it_is_typed_and_no_other_document(store):
    content = "To: ada@example.com\n\nHello"

    draft = FORMS["document"].typed({"title": "Draft: hello", "content": content}).remarks(store, None)
    other = FORMS["document"].typed({"title": "Hello", "content": content}).remarks(store, None)

    assert draft == {"mailto": "mailto:ada@example.com?body=Hello"}
    assert other == {"mailto": None}


@pytest.mark.parametrize("form", [ContactForm(name="Ada"), DocumentForm(title="Brief")], ids=["contact", "document"])
def test_a_row_whose_last_project_is_not_there_is_not_saved_in_part(form, acme):
    launch = acme.create_project("Launch")
    made = form.create(acme)
    form.project_ids = [launch.id, "no-such-project"]
    before = acme.head()
    with pytest.raises(NotFound):
        form.create(acme)
    with pytest.raises(NotFound):
        form.save(acme, made.id, made.version)
    assert acme.head() == before
