"""What strangers and models wrote, in every field of the board, in a real browser: read by people, run by nobody."""

import pytest
from playwright.sync_api import expect

import wsq
from tests.views.payloads import PAYLOADS
from tests.views.windows import card
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.agent.providers.base import ProviderError

SHORT = [payload.text for payload in PAYLOADS if len(payload.text.strip()) <= 190 and "\n" not in payload.text]
ALL = "\n\n".join(payload.text for payload in PAYLOADS)

FOREIGN = """() => {
  const found = [], carriers = /^(aria-label|title|value)$/;
  const foreign = new RegExp("^(script|img|image|iframe|object|embed|link|style|base|meta|video|audio|svg|path|math|" +
    "template|frame|animate|use)$");
  const look = (root) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.shadowRoot) look(each.shadowRoot);
      if (!each.closest?.(".wsq")) continue;
      const ours = each.localName === "svg" ? each.getAttribute("aria-hidden") === "true" : each.localName === "path";
      if (foreign.test(each.localName) && !ours) found.push(each.outerHTML.slice(0, 200));
      for (const { name, value } of each.attributes) {
        const runs = /^\\s*(javascript|data|vbscript):/i.test(value) && !carriers.test(name);
        if (/^on/i.test(name) || runs) found.push(`${name}=${value}`);
      }
      const leads = /^(https?:|mailto:|[/?#]|board|statistics|admin|library|since)/;
      if (each.localName === "a" && !leads.test(each.getAttribute("href"))) found.push(each.outerHTML.slice(0, 200));
    }
  };
  look(document);
  return { found, broken: window.broken ?? null };
}"""


@pytest.fixture
def watched(open_board):
    """Opens the board; a dialog of the browser's own, or a window, would be somebody else's doing."""

    pages, told = [], []

    def dismiss(dialog):
        told.append(f"a script said: {dialog.message}")
        dialog.dismiss()

    def note(_window):
        told.append("a window was opened")

    def opened(**given):
        page = open_board(**given)
        if page not in pages:
            pages.append(page)
            page.on("dialog", dismiss)
            page.on("popup", note)
        return page

    yield opened
    for page in pages:
        page.remove_listener("dialog", dismiss)
        page.remove_listener("popup", note)
    assert told == []


def harmless(page):
    page.wait_for_timeout(150)
    assert page.evaluate(FOREIGN) == {"found": [], "broken": None}
    assert page.title() == "Board · wsq"


def test_the_look_for_foreign_elements_would_find_some(open_board):
    page = open_board()
    page.evaluate("""() => {
      const img = document.createElement("img");
      document.body.append(img);
      img.className = "wsq";
      img.setAttribute("onnothing", "1"); // the browser refuses those that it knows
    }""")

    assert len(page.evaluate(FOREIGN)["found"]) == 2


def test_hostile_names_and_texts_stand_on_the_cards_letter_for_letter(watched, acme):
    for text in SHORT:
        project = acme.create_project(text)
        acme.create_task(text, description=text, assignees=[text], project_id=project.id)
    for text in SHORT[::6]:
        task = acme.create_recurring_task(text, ALL[:20_000], every="1 day", description=text, assignees=[text])
        acme.disable_recurring_task(task.id, reason=text)
    acme.workspace.update_store(acme.id, name=SHORT[0])

    page = watched()

    expect(page.get_by_role("article")).to_have_count(len(SHORT) + len(SHORT[::6]))
    titles = page.locator("article.task h3").all_text_contents()
    shown = {" ".join(text.replace("\u202e", "\ufffd").split()) for text in SHORT}
    assert {" ".join(each.split()) for each in titles} == shown
    harmless(page)
    page.get_by_role("searchbox").fill(SHORT[4])
    harmless(page)


def test_hostile_texts_are_edited_as_they_are(watched, acme):
    acme.create_task("Hostile", description=ALL[:20_000], assignees=SHORT[:20])
    acme.create_recurring_task("Recurring", ALL[:20_000], every="1 day", description=ALL[:20_000], model=SHORT[1])
    page = watched()

    card(page, "Hostile").get_by_role("button", name="Hostile").click()
    expect(page.get_by_role("dialog").get_by_label("Description")).to_have_value(ALL[:20_000])
    harmless(page)
    page.keyboard.press("Escape")
    card(page, "Recurring").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Prompt")).to_have_value(ALL[:20_000])
    dialog.get_by_label("Every").fill("0")
    for label in ("Time zone", "Model", "Name"):
        dialog.get_by_label(label, exact=True).fill(SHORT[2])
    expect(dialog.locator("[data-field=timezone] .problem")).to_be_visible()
    harmless(page)


def test_what_somebody_else_saved_meanwhile_is_shown_as_text(watched, acme):
    task = acme.create_recurring_task("Recurring", "List the tasks", every="1 day")
    page = watched()
    card(page, "Recurring").get_by_role("button", name="Edit").click()
    page.get_by_role("dialog").get_by_label("Prompt").fill("Mine")

    acme.as_actor(SHORT[0]).update_recurring_task(task.id, prompt=ALL[:20_000])

    expect(page.locator("[data-field=prompt] .theirs")).to_contain_text(SHORT[0])
    harmless(page)


def test_what_a_model_says_and_makes_is_shown_in_full_and_does_nothing(watched, acme, team):
    task = acme.create_recurring_task("Triage", "Look.", every="1 day")
    made = [("create_task", {"title": text, "description": text}) for text in SHORT[:12]]
    drafts = [
        ("create_document", {"title": f"Draft: {text}", "content": f"To: {text}\nSubject: {text}\n\n{ALL[:5000]}"})
        for text in SHORT[:4]
    ]
    lines = [call(*made), call(*drafts, ("get_task", {"task_id": SHORT[3]})), finish("done", ALL)]
    with wsq.open(team.place, provider=ScriptedProvider(lines)) as other:
        run = other.store(acme.id).run_now(task.id)
    assert run.status == "completed", run.error
    page = watched()
    expect(card(page, "Triage")).to_contain_text("12 tasks created")
    harmless(page)

    card(page, "Triage").get_by_role("listitem").first.get_by_role("button").click()
    detail = page.get_by_role("dialog", name="Execution")
    for folded in detail.locator("details").all():
        folded.evaluate("each => { each.open = true; }")
    told = " ".join(detail.inner_text().split())
    for payload in PAYLOADS[:10]:
        assert " ".join(payload.shows.split()) in told, payload.name
    harmless(page)
    for link in detail.get_by_role("link").all():
        assert link.get_attribute("href").startswith(("mailto:", "http:", "https:"))


def test_the_reason_of_a_failure_is_text_too(watched, acme, team):
    task = acme.create_recurring_task("Triage", "Look.", every="1 day")
    with wsq.open(
        team.place, provider=ScriptedProvider([ProviderError(" ".join(SHORT[:8]), retryable=False)])
    ) as other:
        other.store(acme.id).run_now(task.id)
    page = watched()

    expect(card(page, "Triage").locator(".trouble")).to_contain_text(SHORT[0])
    card(page, "Triage").get_by_role("listitem").first.get_by_role("button").click()
    expect(page.get_by_role("dialog", name="Execution")).to_contain_text(SHORT[7])
    harmless(page)


def test_an_address_cannot_bring_anything_in_either(watched, acme, served):
    page = watched()
    for hostile in (
        "?store=<script>window.broken=1</script>",
        f"?store={acme.id}&q=<img src=x onerror=window.broken=1>&project=javascript:window.broken=1",
        f"?store={acme.id}&open=task:<svg onload=window.broken=1>&project=execution:../../x",
        f"?store={acme.id}&open=__proto__:constructor",
    ):
        page.goto(f"{served}/board{hostile}")
        expect(page.locator(".wsq header").first).to_be_visible()
        harmless(page)


def test_hostile_texts_on_the_plain_pages_do_nothing(watched, acme):
    for text in SHORT[:10]:
        acme.create_recurring_task(text, "List the tasks", every="1 day")
    for task in acme.recurring_tasks()[:3]:
        acme.run_now(task.id)
    for path in ("statistics", "admin", "since"):
        page = watched(path=path, also=f"&in={acme.id}")
        expect(page.get_by_role("listitem" if path == "since" else "row").nth(1)).to_be_visible()
        page.wait_for_timeout(150)
        assert page.evaluate(FOREIGN) == {"found": [], "broken": None}
