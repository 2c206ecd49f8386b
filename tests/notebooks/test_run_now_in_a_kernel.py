"""An execution in a notebook's cell: its steps show while they are made, and an interrupt cancels it."""

import queue
import time

import pytest
from jupyter_client.manager import start_new_kernel

import wsq
from tests.views.promptness import within

BEGIN = """
import asyncio, wsq
from tests.domain.worlds import PaidProvider
from wsq.agent.providers import call, finish

async def slowly(request):
    await asyncio.sleep(3600 if "for ever" in str(request.messages) else 0.9)
    return finish("done", "It is done.")

made = call(("create_task", {{"title": "<b>Made</b>"}}))
ws = wsq.open({database!r}, provider=PaidProvider([made, slowly], price=0.01))
acme = ws.store("acme")
soon = acme.create_recurring_task("Soon", "Make a card", every="1 day")
never = acme.create_recurring_task("Never", "Work for ever", every="1 day")
"""


@pytest.fixture(scope="module")
def kernel():
    """Runs code in a kernel and tells what came of it: all messages until it was through."""
    manager, client = start_new_kernel(kernel_name="python3")

    def run(code, meanwhile=lambda _told: None):
        asked, meant, told = client.execute(code), meanwhile, []
        while True:
            try:
                message = client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                if meant(told):
                    meant = lambda _told: None
                continue
            if message["parent_header"].get("msg_id") == asked:
                told.append((message["msg_type"], message["content"]))
                if message["content"].get("execution_state") == "idle":
                    return told

    run.manager = manager
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def of_kind(told, *kinds):
    return [content for kind, content in told if kind in kinds]


def test_steps_show_while_they_are_made_and_an_interrupt_cancels(kernel, database):
    # Given a kernel in which a workspace is open, which holds nobody up
    assert [kind for kind, _ in kernel(BEGIN.format(database=str(database)))] == ["status", "execute_input", "status"]
    with wsq.open(database) as ws:
        acme = ws.store("acme")
        soon, never = sorted(acme.recurring_tasks(), key=lambda task: task.name, reverse=True)
        began = time.monotonic()
        for n in range(5):
            acme.create_task(f"task {n}")
        assert time.monotonic() - began < within(5_000) / 1_000

        # When a task is run that takes its time, then its steps stand in one display, which is renewed
        told = kernel("ended = acme.run_now(soon.id)")
        (first,), later = of_kind(told, "display_data"), of_kind(told, "update_display_data")
        assert "create_task" in first["data"]["text/plain"]
        assert 1 <= len(later) <= 6
        assert {each["transient"]["display_id"] for each in later} == {first["transient"]["display_id"]}
        last = later[-1]["data"]
        assert [line.split()[:2] for line in last["text/plain"].splitlines()] == [
            ["step", "role"], ["1", "model"], ["2", "tool"], ["3", "model"], ["4", "tool"],
        ]  # fmt: skip
        assert "<b>" not in last["text/html"]
        assert "now" not in last["text/plain"].split()
        assert of_kind(told, "error", "stream") == []
        assert acme.latest_execution(soon.id).status == "completed"

        # When one is interrupted, then it ends as cancelled, and the next one can be run
        interrupt = lambda _told: bool(acme.executions(never.id)) and (kernel.manager.interrupt_kernel() or True)
        (error,) = of_kind(kernel("acme.run_now(never.id)", interrupt), "error")
        assert error["ename"] == "KeyboardInterrupt"
        (ended,) = acme.executions(never.id)
        assert (ended.status, ended.reason) == ("cancelled", "cancelled")
        assert (
            of_kind(
                kernel("acme.start_now(never.id); acme.cancel_execution(acme.latest_execution(never.id).id)"), "error"
            )
            == []
        )

        # When a dry run is interrupted, then it is gone but for its cost
        head, spent = acme.head(), acme.spending().spent
        interrupt = lambda told: of_kind(told, "display_data") and (kernel.manager.interrupt_kernel() or True)
        told = kernel("acme.dry_run('Work for ever')", interrupt)
        assert [each["ename"] for each in of_kind(told, "error")] == ["KeyboardInterrupt"]
        assert "create_task" in of_kind(told, "display_data")[0]["data"]["text/plain"]
        assert acme.head() == head
        assert acme.spending().spent > spent


def test_where_no_model_is_asked_nothing_is_shown_so_that_a_notebook_says_the_same_each_time(kernel, tmp_path):
    code = f"""
with wsq.open({str(tmp_path / "offline.duckdb")!r}) as offline:
    task = offline.store("acme").create_recurring_task("Look", "List the tasks", every="1 day")
    offline.store("acme").run_now(task.id)
    offline.store("acme").dry_run("List the tasks")
"""

    assert [kind for kind, _ in kernel(code)] == ["status", "execute_input", "status"]
