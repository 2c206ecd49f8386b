"""The library in a real browser, on a real database, served by a real server in a process of its own."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

import wsq
from tests.views.axe import serious
from tests.views.payloads import PAYLOADS
from tests.views.windows import eventually, fill_form, within
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.views.page.markdown import LIMIT

TABS = ("projects", "contacts", "documents")


@pytest.fixture
def open_library(open_board):
    """Opens a tab of the store's library in a window; see `open_board`."""

    def opened(tab="projects", *, also="", **given):
        page = open_board(path="library", also=f"&tab={tab}{also}", **given)
        expect(page.locator(".wsq.loading")).to_have_count(0)
        expect(page.get_by_role("tab", selected=True).first).to_be_visible()
        return page

    return opened


@pytest.fixture
def launch(acme):
    return acme.create_project("Launch", description="In April")


def row(page, name):
    return page.get_by_role("listitem", name=name, exact=True)


def open_row(page, name):
    row(page, name).get_by_role("button", name=name, exact=True).click()
    return page.get_by_role("dialog")


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


# Made and edited


def test_an_empty_library_invites_and_says_who_reads_it(open_library, acme):
    acme.create_task("so that the store is there")
    page = open_library()

    for tab in ("Projects", "Contacts", "Documents"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("heading", name=f"No {tab.lower()} yet")).to_be_visible()
        expect(page.get_by_role("tabpanel", name=tab)).to_contain_text("agent")
    press(page, "Make the first document")
    expect(page.get_by_role("dialog", name="New document")).to_be_visible()


@pytest.mark.journey
def test_a_project_is_made_and_edited(open_library, acme):
    acme.create_task("so that the store is there")
    page = open_library()

    press(page, "New project")
    expect(page.get_by_role("dialog").get_by_label("Name", exact=True)).to_have_value("")
    fill_form(page, Name="Launch", Description="In April\nwith cake")
    press(page, "Create")
    expect(row(page, "Launch")).to_contain_text("In April")
    open_row(page, "Launch")
    fill_form(page, Name="Spring launch")
    press(page, "Save")

    expect(row(page, "Spring launch")).to_be_visible()
    assert [each.name for each in acme.projects()] == ["Spring launch"]


def test_a_contact_is_made_in_its_projects_and_taken_out_of_them(open_library, acme, launch):
    acme.create_project("Website")
    page = open_library("contacts")

    press(page, "New contact")
    dialog = fill_form(page, Name="Ada", Notes="Prints posters", **{"E-mail": "ada@example.com"})
    dialog.get_by_label("Launch", exact=True).check()
    dialog.get_by_label("Website", exact=True).check()
    press(page, "Create")
    expect(row(page, "Ada").get_by_title("Project: ")).to_have_text(["Launch", "Website"])
    expect(row(page, "Ada")).to_contain_text("ada@example.com")
    open_row(page, "Ada").get_by_label("Launch", exact=True).uncheck()
    press(page, "Save")

    expect(row(page, "Ada").get_by_title("Project: ")).to_have_text(["Website"])
    assert acme.contacts(launch.id) == []


def test_what_is_wrong_with_an_address_stands_beside_it_before_it_is_saved(open_library, acme, launch):
    acme.create_contact("Ada", email="ada@example.com")
    page = open_library("contacts")

    press(page, "New contact")
    dialog = fill_form(page, Name="Ada again", **{"E-mail": "ada at example"})
    expect(dialog.locator("[data-field=email] .problem")).to_contain_text("E-mail")
    fill_form(page, **{"E-mail": "ADA@example.com"})
    expect(dialog.locator("[data-field=email] .problem")).to_be_hidden()
    press(page, "Create")

    expect(dialog.get_by_role("alert")).to_contain_text("already")
    assert len(acme.contacts()) == 1


def test_a_document_is_made_with_a_preview_beside_it(open_library, acme, launch):
    page = open_library("documents", also=f"&project={launch.id}")

    press(page, "New document")
    dialog = fill_form(page, Title="Brief", Text="# Plan\n\nWrite **plainly**.")
    preview = dialog.get_by_role("region", name="Preview")
    expect(preview.get_by_role("heading", name="Plan")).to_be_visible()
    expect(preview.locator("strong")).to_have_text("plainly")
    expect(dialog.get_by_label("Launch", exact=True)).to_be_checked()
    press(page, "Create")

    expect(row(page, "Brief")).to_contain_text("26 characters")
    [made] = acme.documents(launch.id)
    assert made.content == "# Plan\n\nWrite **plainly**."


def test_where_there_is_little_room_one_switches_between_writing_and_the_preview(open_library, acme):
    acme.create_document("Brief", "# Plan")
    page = open_library("documents", width=768)
    dialog = open_row(page, "Brief")
    preview, text = dialog.get_by_role("region", name="Preview"), dialog.locator("textarea")
    expect(preview).to_be_hidden()

    text.fill("# Other plan")
    dialog.get_by_role("tab", name="Preview").click()
    expect(preview.get_by_role("heading", name="Other plan")).to_be_visible()
    expect(text).to_be_hidden()
    page.keyboard.press("ArrowLeft")

    expect(text).to_be_visible()
    expect(preview).to_be_hidden()
    expect(dialog.get_by_role("tab", name="Write")).to_be_focused()


def test_a_document_of_a_million_characters_is_edited_and_its_preview_says_where_it_is_cut(open_library, acme):
    document = acme.create_document("Novel", ("Zürich, 東京 und 😀\n" * 62_501)[:999_996])
    page = open_library("documents")

    dialog = open_row(page, "Novel")
    preview = dialog.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("Cut here: the preview shows the first")
    assert preview.evaluate("each => each.innerText.length") <= LIMIT + 100
    text = dialog.locator("textarea")
    text.press("Control+Home")
    text.press_sequentially("New ")
    press(page, "Save")

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert acme.document(document.id).content == "New " + document.content


# Put away


def test_archiving_a_document_can_be_undone(open_library, acme):
    document = acme.create_document("Brief")
    page = open_library("documents")

    row(page, "Brief").get_by_role("button", name="Archive").click()
    expect(row(page, "Brief")).to_have_count(0)
    eventually(lambda: acme.document(document.id).archived_at is not None)
    press(page, "Undo")

    expect(row(page, "Brief")).to_be_visible()
    assert acme.document(document.id).archived_at is None


def test_archiving_a_project_says_first_what_it_disables_and_undoing_it_enables_that_again(open_library, acme, launch):
    for name in ("Triage", "Digest"):
        acme.create_recurring_task(name, "List the tasks", every="1 day", project_id=launch.id)
    page = open_library()
    expect(row(page, "Launch")).to_contain_text("2 recurring tasks")

    row(page, "Launch").get_by_role("button", name="Archive").click()
    question = page.get_by_role("dialog", name="Archive project")
    expect(question).to_contain_text("Its 2 enabled recurring tasks are disabled")
    question.get_by_role("button", name="Cancel").click()
    assert acme.project(launch.id).archived_at is None
    row(page, "Launch").get_by_role("button", name="Archive").click()
    question.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("is archived, and 2 recurring tasks disabled")).to_be_visible()
    assert not any(task.enabled for task in acme.recurring_tasks())
    press(page, "Undo")

    expect(row(page, "Launch")).to_be_visible()
    assert all(task.enabled for task in acme.recurring_tasks())


def test_archived_rows_are_shown_on_demand_and_taken_out_again(open_library, acme, launch):
    acme.archive_project(launch.id)
    page = open_library()
    expect(row(page, "Launch")).to_have_count(0)

    page.get_by_label("Show archived").check()
    expect(row(page, "Launch")).to_contain_text("Archived")
    page.reload()
    row(page, "Launch").get_by_role("button", name="Unarchive").click()
    expect(row(page, "Launch").get_by_role("button", name="Archive", exact=True)).to_be_visible()

    assert acme.project(launch.id).archived_at is None


def test_a_contact_is_deleted_only_after_it_was_confirmed(open_library, acme):
    acme.create_contact("Ada")
    page = open_library("contacts")

    row(page, "Ada").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert len(acme.contacts()) == 1
    open_row(page, "Ada").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete contact").get_by_role("button", name="Delete").click()

    expect(row(page, "Ada")).to_have_count(0)
    eventually(lambda: acme.contacts() == [])


# Found, and found again


def test_search_looks_through_whole_documents_and_counts_on_every_tab(open_library, acme, launch):
    acme.create_document("Brief", "x " * 500 + "the contract")
    acme.create_document("Notes")
    acme.create_contact("Ada", notes="Has the contract")
    page = open_library("documents")

    page.get_by_label("Search").fill("CONTRACT")

    expect(row(page, "Notes")).to_have_count(0)
    expect(row(page, "Brief")).to_be_visible()
    for tab, count in (("Projects", 0), ("Contacts", 1), ("Documents", 1)):
        expect(page.get_by_role("tab", name=tab)).to_have_text(f"{tab}{count}")
    page.get_by_role("tab", name="Projects").click()
    press(page, "Show all")
    expect(row(page, "Launch")).to_be_visible()


def test_tab_search_project_and_open_form_survive_a_reload(open_library, acme, launch):
    acme.create_contact("Ada", project_id=launch.id)
    acme.create_contact("Ada elsewhere")
    page = open_library()

    row(page, "Launch").get_by_role("button", name="1 contact").click()
    page.get_by_label("Search").fill("ada")
    expect(row(page, "Ada elsewhere")).to_have_count(0)
    expect(open_row(page, "Ada")).to_be_visible()
    page.reload()

    expect(page.get_by_role("dialog", name="Contact").get_by_label("Name", exact=True)).to_have_value("Ada")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Search")).to_have_value("ada")
    expect(page.get_by_label("Project filter")).to_have_value(launch.id)
    expect(row(page, "Ada elsewhere")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("open="))


def test_the_board_leads_to_the_projects_and_they_lead_back_to_their_board(open_board, acme, launch):
    acme.create_task("ours", project_id=launch.id)
    acme.create_task("others")
    page = open_board()

    page.get_by_role("link", name="Manage projects").click()
    row(page, "Launch").get_by_role("link", name="1 open task").click()

    expect(page.get_by_role("article", name="ours")).to_be_visible()
    expect(page.get_by_role("article", name="others")).to_be_hidden()


def test_tabs_and_rows_are_walked_with_arrows(open_library, acme):
    for name in ("Ada", "Grace"):
        acme.create_contact(name)
    page = open_library()

    page.get_by_role("tab", name="Projects").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Contacts")).to_be_focused()
    row(page, "Ada").get_by_role("button", name="Ada").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog").get_by_label("Name", exact=True)).to_have_value("Grace")
    page.keyboard.press("Escape")
    expect(row(page, "Grace").get_by_role("button", name="Grace")).to_be_focused()


# Others at work


@pytest.mark.timed
def test_what_any_process_writes_shows_within_a_second_and_a_half(open_library, acme, launch):
    page = open_library()
    expect(row(page, "Launch")).to_contain_text("No open tasks")

    acme.create_task("Write copy", project_id=launch.id)
    expect(row(page, "Launch")).to_contain_text("1 open task", timeout=within(1_500))
    acme.create_project("Website")
    expect(row(page, "Website")).to_be_visible(timeout=within(1_500))
    acme.update_project(launch.id, name="Spring launch")
    expect(row(page, "Spring launch")).to_be_visible(timeout=within(1_500))


def test_two_who_edit_the_same_document_overwrite_nothing_silently(open_library, acme):
    document = acme.create_document("Brief", "Old")
    here, there = open_library("documents"), open_library("documents")
    for page in (here, there):
        open_row(page, "Brief")

    fill_form(here, Title="Brief of Ada", Text="Mine")
    fill_form(there, Text="Theirs")
    press(there, "Save")

    dialog = here.get_by_role("dialog")
    expect(dialog.get_by_text("while you were editing; changed: Text")).to_be_visible()
    expect(dialog.get_by_text("Theirs: Theirs")).to_be_visible()
    expect(dialog.locator("textarea")).to_have_value("Mine")
    press(here, "Take theirs")
    expect(dialog.get_by_role("region", name="Preview")).to_have_text("Theirs")
    press(here, "Save")
    expect(here.get_by_role("dialog")).to_have_count(0)
    saved = acme.document(document.id)
    assert (saved.title, saved.content) == ("Brief of Ada", "Theirs")


def test_a_draft_that_an_agent_made_is_opened_in_the_mail_program(open_library, acme, team):
    task = acme.create_recurring_task("Remind", "Remind Ada.", every="1 day")
    content = "To: ada@example.com\nSubject: The contract\n\nIt is due."
    lines = [call(("create_document", {"title": "Draft: reminder", "content": content})), finish("done", "Drafted.")]
    with wsq.open(team.place, provider=ScriptedProvider(lines)) as other:
        other.store(acme.id).run_now(task.id)
    page = open_library("documents")
    expect(row(page, "Draft: reminder")).to_contain_text("Made by an agent")

    dialog = open_row(page, "Draft: reminder")
    link = dialog.get_by_role("link", name="Open in mail program")
    expect(link).to_have_attribute("href", "mailto:ada@example.com?subject=The%20contract&body=It%20is%20due.")
    fill_form(page, Title="No letter any more")
    expect(link).to_have_count(0)
    press(page, "Show the run")

    expect(page.get_by_role("dialog", name="Execution")).to_contain_text("Remind")


# Looks, and what must not happen


def test_nothing_scrolls_sideways_at_any_width(open_library, acme):
    project = acme.create_project("p" * 190, description="d" * 400)
    for _ in range(3):
        acme.create_contact("c" * 190, notes="n" * 400, project_id=project.id)
    acme.create_document("t" * 190, "x" * 400, project_id=project.id)
    page = open_library()

    for width in (390, 768, 1440, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        for tab in ("Projects", "Contacts", "Documents"):
            page.get_by_role("tab", name=tab).click()
            for part in (".wsq", "main", ".shelf"):
                assert page.locator(part).evaluate("each => each.scrollWidth - each.clientWidth") <= 0
        dialog = open_row(page, "t" * 190)
        for part in ("form", ".body"):
            assert dialog.locator(part).first.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
        dialog.get_by_role("button", name="Cancel").click()


HURT = """() => window.broken || document.title !== "Library · wsq"
    || document.querySelector("main img, main iframe, dialog img, dialog iframe, dialog script") !== null"""


def create_attacked_rows(acme, number, text):
    project = acme.create_project(text[:200], description=text)
    acme.create_contact(text[:200], notes=text, project_id=project.id, email=f"a{number}@example.com")
    document = acme.create_document(text[:200], text, project_id=project.id)
    if number % 2:
        acme.archive_document(document.id)


def test_attacks_in_every_field_run_nothing_and_fetch_nothing(open_library, acme):
    with ThreadPoolExecutor(16) as pool:  # what is written at once is one transaction
        list(pool.map(lambda number: create_attacked_rows(acme, number, PAYLOADS[number].text), range(len(PAYLOADS))))
    page = open_library(also="&archived=1&q=%3Cimg%20src%3Dx%20onerror%3D")
    page.get_by_label("Search").fill("")

    for tab in ("Projects", "Contacts", "Documents"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tab", name=tab)).to_have_text(f"{tab}{len(PAYLOADS)}")
        expect(page.get_by_role("listitem")).to_have_count(len(PAYLOADS))
        assert not page.evaluate(HURT)
    for index in range(0, len(PAYLOADS), 9):
        page.get_by_role("listitem").nth(index).get_by_role("button").first.click()
        expect(page.get_by_role("dialog", name="Document")).to_be_visible()
        page.wait_for_timeout(60)
        assert not page.evaluate(HURT)
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()


def test_every_attack_is_harmless_in_the_preview_and_in_the_theirs_of_a_conflict(open_library, acme):
    document = acme.create_document("Brief", "old")
    page = open_library("documents")
    dialog = open_row(page, "Brief")
    everything = "\n\n".join(each.text for each in PAYLOADS)

    dialog.locator("textarea").fill("mine")
    acme.update_document(document.id, title=PAYLOADS[4].text, content=everything)
    expect(dialog.get_by_role("button", name="Take theirs")).to_be_visible()
    press(page, "Take theirs")

    expect(dialog.get_by_role("region", name="Preview")).to_contain_text("press (javascript:window.broken=1)")
    page.wait_for_timeout(200)
    assert not page.evaluate(HURT)


def test_axe_finds_nothing_serious_on_any_tab_or_dialog(open_library, acme, launch):
    acme.create_recurring_task("Triage", "List the tasks", every="1 day", project_id=launch.id)
    acme.create_contact("Ada", email="ada@example.com", notes="Prints", project_id=launch.id)
    acme.create_document(
        "Draft: brief", "To: ada@example.com\n\n# Plan\n\n[a](https://a.example)", project_id=launch.id
    )
    acme.archive_document(acme.create_document("Old").id)
    acme.archive_project(acme.create_project("Old").id)
    page = open_library(also="&archived=1")

    for tab, one, name in (
        ("Projects", "project", "Launch"),
        ("Contacts", "contact", "Ada"),
        ("Documents", "document", "Draft: brief"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(row(page, name)).to_be_visible()
        assert serious(page) == []
        dialog = open_row(page, name)
        assert serious(page, dialog) == []
        dialog.get_by_role("button", name="Cancel").click()
        press(page, f"New {one}")
        press(page, "Create")
        expect(dialog.get_by_role("alert")).to_be_visible()
        assert serious(page, dialog) == []
        dialog.get_by_role("button", name="Cancel").click()
    page.set_viewport_size({"width": 390, "height": 844})
    open_row(page, "Draft: brief")
    dialog.get_by_role("tab", name="Preview").click()
    assert serious(page, dialog) == []
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("tab", name="Projects").click()
    row(page, "Launch").get_by_role("button", name="Archive").click()
    assert serious(page, dialog) == []
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_label("Search").fill("there is no such thing")
    assert serious(page) == []
