"""Several commands as one: all of it stands, or nothing does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import wsq


@pytest.fixture
def acme(open_workspace: Callable[..., wsq.Workspace]) -> wsq.Store:
    return open_workspace().store("acme")


def test_what_was_commanded_before_is_seen_and_all_of_it_stands_in_one_transaction(acme: wsq.Store) -> None:
    def work(board: wsq.Store) -> list[str]:
        launch = board.create_project("Launch")
        board.create_contact("Ada", project_id=launch.id)
        return [contact.name for contact in board.contacts(launch.id)]

    assert acme.together(work) == ["Ada"]
    assert [contact.name for contact in acme.contacts()] == ["Ada"]
    assert len({event.recorded_at for event in acme.events()}) == 1
    assert acme.workspace.verify() == []


def test_nothing_is_written_when_a_later_command_is_refused(acme: wsq.Store) -> None:
    acme.create_project("Launch")
    before = acme.head()

    def work(board: wsq.Store) -> None:
        ada = board.create_contact("Ada")
        board.add_contact_to_project(ada.id, "no-such-project")

    with pytest.raises(wsq.NotFound, match="no-such-project"):
        acme.together(work)
    assert (acme.head(), acme.contacts()) == (before, [])


def test_the_actor_of_the_store_stands_on_all_of_it_and_nobody_else_joins(acme: wsq.Store) -> None:
    acme.as_actor("grace").together(lambda board: (board.create_project("A"), board.create_project("B")))
    assert {event.actor for event in acme.events()} == {"grace"}
    with pytest.raises(wsq.InvalidInput, match="one actor"):
        acme.together(lambda board: board.as_actor("eve").create_project("C"))
    assert len(acme.projects()) == 2


def test_nothing_is_carried_out_in_it_and_one_in_another_is_the_same_one(acme: wsq.Store) -> None:
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    with pytest.raises(wsq.NotRunnable, match="run it afterwards"):
        acme.together(lambda board: board.run_now(task.id))
    with pytest.raises(wsq.NotFound):
        acme.together(lambda board: (board.together(lambda inner: inner.create_project("A")), board.project("none")))
    assert acme.projects() == []


@pytest.mark.parametrize(
    "misuse",
    [
        lambda acme, board: acme.create_task("Outside"),
        lambda acme, board: acme.tasks(),
        lambda acme, board: board.workspace.pause(),
        lambda acme, board: board.as_of(1),
        lambda acme, board: board.difference(0),
        lambda acme, board: board.workspace.store("beta").create_project("B"),
    ],
)
def test_what_goes_around_the_transaction_is_refused_and_locks_nobody_out(
    misuse: Callable[[wsq.Store, wsq.Store], object], acme: wsq.Store
) -> None:
    acme.create_project("Launch")
    with pytest.raises(wsq.InvalidInput, match="only the store that it provides"):
        acme.together(lambda board: (board.create_project("In it"), misuse(acme, board)))
    assert acme.create_task("Afterwards").title == "Afterwards"
    assert [project.name for project in acme.projects()] == ["Launch"]
