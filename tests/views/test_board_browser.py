"""The board in a real browser, on a real database, served by a real server in a process of its own."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

import wsq
from tests.commands import run
from tests.domain.worlds import PaidProvider
from tests.views.windows import card, eventually, fill_form, lane, within
from wsq.agent.providers import OfflineProvider, ScriptedProvider, call, finish, say
from wsq.clock import ManualClock

HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>{{7*7}}"


def test_the_board_opens_with_its_five_lanes(open_board, acme):
    acme.create_task("Write copy", status="doing", assignees=["Ada"])

    page = open_board()

    for name in ("Recurring", "To do", "Doing", "In review", "Done"):
        expect(lane(page, name)).to_be_visible()
    expect(card(lane(page, "Doing"), "Write copy")).to_contain_text("Ada")


@pytest.mark.journey
@pytest.mark.usefixtures("kept")
def test_a_recurring_task_is_made_with_the_form_and_stands_on_the_board(open_board, acme):
    page = open_board()

    page.get_by_role("button", name="New recurring task").click()
    dialog = fill_form(page, Name="Triage", Prompt="Create a task called 'Check mail'", Every="4")
    dialog.get_by_label("Unit", exact=True).select_option("hours")
    dialog.get_by_role("button", name="Create", exact=True).click()

    expect(card(lane(page, "Recurring"), "Triage")).to_contain_text("Every 4 hours")
    [made] = acme.recurring_tasks()
    assert (made.name, made.interval_value, made.interval_unit) == ("Triage", 4, "hours")


@pytest.mark.usefixtures("kept")
def test_what_the_server_refuses_stands_in_the_form_until_it_is_right(open_board, acme):
    page = open_board()

    page.get_by_role("button", name="New recurring task").click()
    dialog = fill_form(page, Name="  ", Prompt="List the tasks")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("blank")
    fill_form(page, Name="Triage")
    dialog.get_by_role("button", name="Create", exact=True).click()

    expect(dialog).to_have_count(0)
    expect(card(page, "Triage")).to_be_visible()


@pytest.mark.usefixtures("kept")
def test_editing_begins_with_what_is_there(open_board, acme):
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description="Mornings")
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Prompt", exact=True)).to_have_value("List the tasks")
    expect(dialog.get_by_label("Description", exact=True)).to_have_value("Mornings")
    fill_form(page, Every="6")
    dialog.get_by_role("button", name="Save", exact=True).click()

    expect(card(page, "Triage")).to_contain_text("Every 6 hours")


@pytest.mark.usefixtures("kept")
def test_the_form_says_which_placeholders_stay_as_they_are_and_what_a_day_will_cost(open_board, acme):
    acme.create_recurring_task("Triage", "Look at {{project}} and {{ Weather }}.", every="5 minutes")
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")

    expect(dialog.get_by_role("status")).to_have_text("{{Weather}} stays as it is: nothing fills it in.")
    expect(dialog).to_contain_text("288 runs a day, cost unknown until it has run; at most $1.00 a day.")
    fill_form(page, Prompt="{{today}}, {{ last_outcome }}, {{scheduled_time}}, {{project}}")
    expect(dialog.get_by_role("status")).to_have_count(0)
    fill_form(page, Prompt="{{a}} {{b}} {{a}} {{project}}")
    expect(dialog.get_by_role("status")).to_have_text("{{a}}, {{b}} stay as they are: nothing fills them in.")


def test_what_the_day_has_cost_stands_on_the_card_and_beside_the_lane(open_board, acme, team):
    task = acme.create_recurring_task("Triage", "Look.", every="4 hours", budget_per_day=0.3)
    page = open_board()
    expect(card(page, "Triage")).to_be_visible()

    with wsq.open(team.place, provider=PaidProvider([say("ok")])) as paid:
        paid.store(acme.id).run_now(task.id)

    expect(card(page, "Triage").locator(".spent.warning")).to_have_text("$0.25 of $0.30 today")
    expect(page.get_by_role("region", name="Recurring").locator("header .spent.fine")).to_have_text(
        "$0.25 of $5.00 today"
    )


@pytest.mark.usefixtures("kept")
def test_a_draft_is_opened_in_the_mail_program_by_whoever_reads_it(open_board, acme, team):
    task = acme.create_recurring_task("Remind", "Remind Ada.", every="1 day")
    content = "To: ada@example.com\nSubject: The contract\n\nIt is due on Friday."
    lines = [call(("create_document", {"title": "Draft: reminder", "content": content})), finish("done", "Drafted.")]
    with wsq.open(team.place, provider=ScriptedProvider(lines)) as other:
        other.store(acme.id).run_now(task.id)
    page = open_board()

    card(page, "Remind").get_by_role("listitem").first.get_by_role("button").click()
    made = page.get_by_role("dialog").get_by_role("region", name="Created documents")
    made.get_by_text("Draft: reminder").click()

    expect(made).to_contain_text("It is due on Friday.")
    link = made.get_by_role("link", name="Open in mail program")
    expect(link).to_have_attribute(
        "href", "mailto:ada@example.com?subject=The%20contract&body=It%20is%20due%20on%20Friday."
    )


@pytest.mark.usefixtures("kept")
def test_run_now_leaves_a_manual_completed_execution_and_its_details(open_board, acme):
    acme.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Run now").click()

    row = card(page, "Triage").get_by_role("listitem").first
    expect(row).to_contain_text("Completed")
    expect(row).to_contain_text("Manual")
    expect(card(lane(page, "To do"), "Check mail")).to_contain_text("Made by an agent")
    expect(card(page, "Triage").get_by_role("button", name="Run now")).to_be_enabled()
    row.click()
    detail = page.get_by_role("dialog", name="Execution")
    expect(detail).to_contain_text("Completed")
    expect(detail).to_contain_text("create_task")
    detail.get_by_role("button", name="Check mail").click()
    expect(page.get_by_role("dialog", name="Task").get_by_label("Title")).to_have_value("Check mail")


@pytest.mark.usefixtures("kept")
@pytest.mark.timed
def test_run_now_is_busy_in_every_window_until_the_execution_has_ended(open_board, acme, go_on):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description="unhurried")
    here, there = open_board(), open_board()
    expect(card(there, "Triage")).to_be_visible()

    card(here, "Triage").get_by_role("button", name="Run now").click()

    for page in (here, there):
        expect(card(page, "Triage").get_by_role("button", name="Run now")).to_be_disabled(timeout=within(1_500))
        expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Running")
    go_on()
    for page in (here, there):
        expect(card(page, "Triage").get_by_role("button", name="Run now")).to_be_enabled()
        expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Completed")
    assert len(acme.executions(task.id)) == 1


@pytest.mark.usefixtures("kept")
def test_what_a_running_execution_says_shows_on_its_card_and_in_its_details_until_it_has_ended(open_board, acme, go_on):
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description="unhurried")
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Run now").click()

    expect(card(page, "Triage").get_by_label("What it does now")).to_have_text("Let me think <b>it</b> over.")
    card(page, "Triage").get_by_role("listitem").first.click()
    detail = page.get_by_role("dialog", name="Execution")
    expect(detail.get_by_label("What it does now")).to_have_text("Let me think <b>it</b> over.")
    go_on()
    expect(detail).to_contain_text("Completed")
    expect(page.get_by_text("Let me think")).to_have_count(0)


@pytest.mark.usefixtures("kept")
def test_who_asks_for_a_run_that_is_under_way_hears_that_it_is(open_board, acme, go_on):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description="unhurried")
    here, there = open_board(), open_board()
    card(here, "Triage").get_by_role("button", name="Run now").click()
    run = card(there, "Triage").get_by_role("button", name="Run now")
    expect(run).to_be_disabled()

    run.evaluate("button => { button.disabled = false; button.click(); }")  # as if it had not heard yet

    expect(there.get_by_role("alert").filter(has_text="is already running")).to_be_visible()
    go_on()
    expect(run).to_be_enabled()
    assert len(acme.executions(task.id)) == 1


@pytest.mark.usefixtures("kept")
@pytest.mark.usefixtures("go_on")
def test_a_running_execution_can_be_cancelled_from_its_details(open_board, acme):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours", description="unhurried")
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Run now").click()
    card(page, "Triage").get_by_role("listitem").first.click()
    page.get_by_role("dialog", name="Execution").get_by_role("button", name="Cancel run").click()

    expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Cancelled")
    assert acme.latest_execution(task.id).status == "cancelled"


def test_a_scheduler_that_does_not_come_by_any_more_is_missed_on_the_page(open_board, team, acme):
    page = open_board()
    missed = page.get_by_text("The scheduler was last seen")

    day_before = ManualClock(team.clock.now() - timedelta(days=1))
    with wsq.open(team.place, clock=day_before, provider=OfflineProvider()) as yesterday:
        yesterday.process()
    acme.create_task("so that the page looks")
    expect(missed).to_be_visible()
    page.get_by_role("button", name="New recurring task").click()
    expect(page.get_by_role("dialog").get_by_text("what you save will not run by itself")).to_be_visible()
    page.keyboard.press("Escape")
    team.process()
    acme.create_task("so that the page looks again")

    expect(missed).to_have_count(0)


def test_what_was_missed_is_run_late_from_its_card_and_who_is_told_stands_there(open_board, team, acme):
    # Given a task whose slot passed while nobody came by
    with wsq.open(team.place, clock=ManualClock(team.clock.now() - timedelta(hours=30))) as yesterday:
        task = yesterday.store(acme.id).create_recurring_task("Triage", "List the tasks", every="1 day")
    team.process(now=team.clock.now(), stores=[acme.id])
    page = open_board()

    # Then that is offered, but not while a pause would refuse it
    late = card(page, "Triage").get_by_role("button", name="Run late instead")
    expect(late).to_be_visible()
    acme.pause()
    expect(late).to_have_count(0)
    acme.resume()

    # When it is run late instead
    card(page, "Triage").get_by_role("button", name="Run late instead").click()

    # Then it runs, and such slots will from now on, unless that is undone
    expect(card(page, "Triage").get_by_role("listitem").first).to_contain_text("Completed")
    expect(card(page, "Triage").get_by_role("button", name="Run late instead")).to_have_count(0)
    assert acme.recurring_task(task.id).missed == "run_once"
    page.get_by_role("button", name="Skip them again").click()
    eventually(lambda: acme.recurring_task(task.id).missed == "skip")

    # When somebody is to be told
    card(page, "Triage").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Advanced").click()
    expect(dialog.get_by_label("It failed")).to_be_checked()
    dialog.get_by_label("It is done").check()
    dialog.get_by_label("It failed").uncheck()
    fill_form(page, Notify="ada, <b>grace</b>").get_by_role("button", name="Save", exact=True).click()

    # Then the card names them
    expect(card(page, "Triage").get_by_title("Notified when it could not do it, or it is done")).to_have_text(
        "ada, <b>grace</b>"
    )
    told = acme.recurring_task(task.id)
    assert (told.notify, told.notify_on) == (("ada", "<b>grace</b>"), ("could_not", "done"))


@pytest.mark.usefixtures("kept")
def test_a_change_touches_the_changed_card_alone(open_board, acme):
    moved, *_ = [acme.create_task(f"task {number}") for number in range(30)]
    acme.create_task("there", status="done")
    page = open_board()
    expect(card(page, "there")).to_be_visible()
    page.locator("main").evaluate("""board => {
        window.touched = [];
        const note = (node) => node.matches?.(".card") && window.touched.push(node.getAttribute("aria-label"));
        new MutationObserver((all) => all.forEach((one) => [...one.addedNodes, ...one.removedNodes].forEach(note)))
            .observe(board, { childList: true, subtree: true });
    }""")

    acme.move_task(moved.id, status="done", position=0)

    expect(lane(page, "Done").get_by_role("article").first).to_have_accessible_name("task 0")
    assert page.evaluate("window.touched") == ["task 0", "task 0"]


@pytest.mark.usefixtures("kept")
def test_a_renamed_project_is_renamed_on_its_cards(open_board, acme):
    launch = acme.create_project("Launch")
    acme.create_task("Write copy", project_id=launch.id)
    page = open_board()
    expect(card(page, "Write copy")).to_contain_text("Launch")

    acme.update_project(launch.id, name="Opening night")

    expect(card(page, "Write copy")).to_contain_text("Opening night")


@pytest.mark.usefixtures("kept")
@pytest.mark.timed
def test_what_another_process_writes_shows_within_a_second_and_a_half(open_board, acme):
    acme.create_task("first")
    page = open_board()
    expect(card(page, "first")).to_be_visible()

    acme.create_task("from elsewhere")

    expect(card(page, "from elsewhere")).to_be_visible(timeout=within(1_500))


@pytest.mark.usefixtures("kept")
@pytest.mark.timed
def test_an_action_shows_in_every_window(open_board, acme):
    acme.create_task("first")
    here, there = open_board(), open_board()
    expect(card(there, "first")).to_be_visible()

    card(here, "first").get_by_label("Move to").select_option("Done")

    expect(card(lane(there, "Done"), "first")).to_be_visible(timeout=within(1_500))


@pytest.mark.usefixtures("kept")
def test_a_task_is_disabled_and_enabled_again(open_board, acme):
    acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    page = open_board()
    expect(card(page, "Triage").get_by_role("timer")).to_be_visible()

    card(page, "Triage").get_by_role("button", name="Disable").click()
    expect(card(page, "Triage").get_by_role("timer")).to_have_count(0)
    expect(card(page, "Triage").get_by_role("button", name="Run now")).to_be_disabled()
    card(page, "Triage").get_by_role("button", name="Enable").click()

    expect(card(page, "Triage").get_by_role("timer")).to_be_visible()


@pytest.mark.usefixtures("kept")
def test_a_task_is_deleted_only_after_it_was_confirmed(open_board, acme):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    page = open_board()

    card(page, "Triage").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert acme.recurring_task(task.id)
    card(page, "Triage").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(card(page, "Triage")).to_have_count(0)
    eventually(lambda: acme.recurring_tasks() == [])  # the page shows a wish before it is written


@pytest.mark.usefixtures("kept")
def test_tasks_are_moved_by_mouse_and_by_keyboard(open_board, acme):
    acme.create_task("a", status="doing")
    acme.create_task("b")
    page = open_board()

    card(page, "b").drag_to(lane(page, "Doing"))
    expect(card(lane(page, "Doing"), "b")).to_be_visible()
    card(page, "b").focus()
    page.keyboard.press("Control+ArrowUp")
    expect(lane(page, "Doing").get_by_role("article").first).to_have_accessible_name("b")
    page.keyboard.press("Control+ArrowRight")

    expect(card(lane(page, "In review"), "b")).to_be_focused()
    eventually(lambda: [each.title for each in acme.tasks(status="in_review")] == ["b"])


@pytest.mark.usefixtures("kept")
def test_a_task_is_made_in_the_lane(open_board, acme):
    page = open_board()

    page.get_by_label("New task", exact=True).fill("Write copy")
    page.keyboard.press("Enter")

    expect(card(lane(page, "To do"), "Write copy")).to_be_visible()


def test_one_project_alone_can_be_shown_and_stands_in_the_address(open_board, acme):
    launch = acme.create_project("Launch")
    acme.create_task("ours", project_id=launch.id)
    acme.create_task("others")
    page = open_board()

    page.get_by_label("Project filter").select_option("Launch")

    expect(card(page, "ours")).to_be_visible()
    expect(card(page, "others")).to_be_hidden()
    page.reload()
    expect(card(page, "ours")).to_be_visible()
    expect(card(page, "others")).to_be_hidden()


def test_what_people_and_models_write_is_text_and_nothing_else(open_board, acme):
    project = acme.create_project(HOSTILE)
    acme.create_task(HOSTILE, description=HOSTILE, assignees=[HOSTILE], project_id=project.id)
    task = acme.create_recurring_task(HOSTILE, f"Create a task called '{HOSTILE}'", every="1 day", description=HOSTILE)
    acme.run_now(task.id)
    acme.disable_recurring_task(task.id, reason=HOSTILE)

    page = open_board()

    expect(lane(page, "Recurring").get_by_role("heading", name=HOSTILE)).to_have_text(HOSTILE)
    lane(page, "Recurring").get_by_role("listitem").first.click()
    expect(page.get_by_role("dialog", name="Execution")).to_be_visible()
    page.wait_for_timeout(300)
    assert page.title() == "Board · wsq"
    assert page.locator("main img, dialog img, main script, dialog script").count() == 0


def test_dark_is_the_systems_choice_until_another_is_made(open_board, acme):
    page = open_board(scheme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()
    dark = page.evaluate(ground)

    page.get_by_role("button", name="Light theme").click()
    expect(page.get_by_role("button", name="Dark theme")).to_be_visible()
    light = page.evaluate(ground)
    page.reload()

    expect(page.get_by_role("button", name="Dark theme")).to_be_visible()
    assert page.evaluate(ground) == light != dark


def test_scripts_are_sent_compressed_to_whoever_understands_it_and_are_kept(open_board):
    page = open_board()
    scripts = page.evaluate("() => [...document.scripts].map((each) => each.src).filter((src) => src.includes('?v='))")

    assert len(scripts) >= 2
    for script in scripts:
        answer = page.request.get(script)
        assert answer.headers["content-encoding"] == "gzip"
        assert "max-age" in answer.headers["cache-control"]


def test_every_answer_carries_the_policy_and_health_needs_nothing(served):
    from urllib.request import urlopen

    for path in ("/health", "/board", "/statistics", "/admin", "/since", "/"):
        with urlopen(served + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "object-src 'none'" in policy
            assert "unsafe-eval" not in policy
            body = answer.read()
        assert answer.status == 200
        if path == "/health":
            assert b'"ok"' in body
        if path == "/":
            assert answer.url == f"{served}/board"


def test_a_backup_that_is_restored_under_the_server_is_what_the_open_page_shows(
    open_board, acme, team, place, tmp_path
):
    acme.create_task("Kept")
    backup = team.backup(tmp_path / "backup.duckdb")
    acme.create_task("Later")
    page = open_board()
    expect(card(page, "Later")).to_be_visible()

    assert run("wsq", "restore", backup, "--database", place).status == 0

    expect(card(page, "Later")).to_have_count(0)
    expect(card(page, "Kept")).to_be_visible()
    acme.create_task("After")
    expect(card(page, "After")).to_be_visible()
