"""What a page's user may see and do. Without a login that is everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsq.errors import InvalidInput, LoggedOut, NotAllowed, NotFound, WsqError
from wsq.rules.roles import EVERYWHERE, Memberships, Role, reaches, role_in
from wsq.views.page import messages

Card = dict[str, Any]

NEEDS: dict[type[messages.Message], Role | None] = {
    messages.Sync: "viewer",
    messages.Open: "viewer",
    messages.Check: "viewer",
    messages.History: "viewer",
    messages.Search: "viewer",
    messages.Preview: "viewer",
    messages.Library: "viewer",
    messages.OpenExecution: "viewer",
    messages.SinceThen: "viewer",
    messages.Statistics: "viewer",
    messages.Run: "editor",
    messages.RunLate: "editor",
    messages.Missed: "editor",
    messages.Enable: "editor",
    messages.Disable: "editor",
    messages.Delete: "editor",
    messages.Submit: "editor",
    messages.CreateTask: "editor",
    messages.MoveTask: "editor",
    messages.ArchivedTasks: "viewer",
    messages.ArchiveTask: "editor",
    messages.RestoreTask: "editor",
    messages.Archive: "editor",
    messages.Restore: "editor",
    messages.DeleteContact: "editor",
    messages.CancelExecution: "editor",
    messages.Pause: "admin",
    messages.Resume: "admin",
    messages.EnableMany: "admin",
    messages.DisableMany: "admin",
    messages.Overview: "admin",
    messages.Alerts: "admin",
    messages.Within: None,  # the inner message is checked, in its store
    messages.Renew: None,  # proves that the page's browser has a session
}
"""The role that each message needs in its store; messages that are missing here are refused."""


BLOCKED = "Nothing runs at the moment, or only scheduled runs do: credentials for the model are missing. Ask an admin."
"""What is said of missing credentials to those who cannot set them: they need not know where the scheduler runs."""


def no_store(store_id: str) -> NotFound:
    """Return the error for an unknown store and for one that the user may not see: the same for both."""
    return NotFound(f"There is no store {store_id!r} that you are a member of.")


class Permissions:
    """Permits everything, as without a login. Pages check it before they answer and before they send updates."""

    actor: str | None = None
    """The actor of events; None for the workspace's own."""

    everywhere = True
    """Whether the user may see every store."""

    def sees(self, store_id: str) -> bool:
        """Whether the user may see the store."""
        return self.may(store_id, "viewer")

    def may(self, store_id: str, needed: Role) -> bool:
        """Whether the user's role in a store is `needed` or higher."""
        del store_id, needed
        return True

    def allow(self, message: messages.Request) -> None:
        """Refuse a message that the user may not send.

        Raises:
            LoggedOut: The session has ended.
            NotAllowed: The role in the store is not sufficient.
            NotFound: The user is not a member of the store.
        """

    def fit(self, card: Card) -> Card | None:
        """Return what the browser may be sent; None if nothing."""
        return card

    def worded(self, refusal: WsqError) -> str:
        """Return an error's text, without what the user must not know."""
        return str(refusal)

    def shown(self, actor: str) -> str:
        """Return what the page shows for an actor."""
        return actor

    def renew(self, ticket: str) -> None:
        """Continue with a renewed session; without a login there is none."""
        del ticket
        raise InvalidInput("This page cannot do that.")


OPEN = Permissions()


class MemberPermissions(Permissions):
    """Permits what a user currently may do.

    `store_id` is the page's store; None for the page of all stores. `memberships` returns the current roles, and raises
    `LoggedOut` when the session has ended. `refused` is called with every refusal. `shown` returns what pages show for
    an actor.
    """

    def __init__(
        self,
        name: str,
        store_id: str | None,
        memberships: Callable[[], Memberships],
        *,
        renewed: Callable[[str], None],
        refused: Callable[[str], None],
        shown: Callable[[str], str] = str,
    ) -> None:
        self.actor = name
        self._shown = shown
        self.store_id = store_id
        self._memberships = memberships
        self._renewed = renewed
        self._refused = refused

    @property
    def everywhere(self) -> bool:  # type: ignore[override]  # it may change while a page is open
        """See `Permissions.everywhere`."""
        return self._role(EVERYWHERE) is not None

    def may(self, store_id: str, needed: Role) -> bool:
        """See `Permissions.may`."""
        return reaches(self._role(store_id), needed)

    def rules(self, needed: Role = "admin") -> bool:
        """Whether the user has this role in any store."""
        return any(reaches(role, needed) for role in self._memberships().values())

    def named(self) -> list[str]:
        """Return the stores in which the user has a role by name; they may not exist yet."""
        return sorted(store_id for store_id in self._memberships() if store_id != EVERYWHERE)

    def allow(self, message: messages.Request) -> None:
        """See `Permissions.allow`."""
        try:
            if isinstance(message, messages.Renew):
                return
            self._judge(message)
        except (NotAllowed, NotFound, LoggedOut) as refusal:
            self._refused(f"{_in_brief(message)}: {refusal}")
            raise

    def _judge(self, message: messages.Request) -> None:
        if self.store_id is not None:
            self._demand(self.store_id, "viewer")
        elif not self.rules():
            raise NotAllowed("Only admins may see the administration of all stores.")
        match message:
            case messages.Within(store=store, message=inner):
                self._demand_of(inner, store)
            case messages.Statistics(store=None):
                if not self.everywhere:
                    raise NotAllowed("Only members of all stores may see the statistics of all stores.")
            case messages.Statistics(store=str(store)):
                self._demand(store, "viewer")
            case _ if self.store_id is None and isinstance(
                message, messages.Overview | messages.Alerts | messages.EnableMany | messages.DisableMany
            ):
                return  # applies to the stores in which the user has the role, and no other
            case _:
                self._demand_of(message, self.store_id or EVERYWHERE)

    def _demand_of(self, message: messages.Request, store_id: str) -> None:
        needed = NEEDS.get(type(message))
        if needed is None:
            raise NotAllowed("This page cannot do that.")
        self._demand(EVERYWHERE if getattr(message, "whole", False) else store_id, needed)

    def _demand(self, store_id: str, needed: Role) -> None:
        role = self._role(store_id)
        if reaches(role, needed):
            return
        if store_id == EVERYWHERE:
            raise NotAllowed("Only admins of all stores may do that.")
        if role is None:
            raise no_store(store_id)
        raise NotAllowed(f"Your role in the store {store_id!r} is {role}. Only an {needed} may do that.")

    def fit(self, card: Card) -> Card | None:
        """See `Permissions.fit`. Answers pass: their requests were checked. Updates pass while they may be seen."""
        is_answer = card["type"] == "answer"
        try:
            if not (is_answer or self._is_open()):
                return None
            return card | {"header": self._header(card["header"])} if "header" in card else card
        except LoggedOut:
            return {name: value for name, value in card.items() if name != "header"} if is_answer else None

    def worded(self, refusal: WsqError) -> str:
        """See `Permissions.worded`. Leaves out the nearest store, which may be another's."""
        text = str(refusal)
        if isinstance(refusal, NotFound) and text.startswith("There is no store "):
            return text.partition("; ")[0].rstrip(".") + "."
        return text

    def shown(self, actor: str) -> str:
        """See `Permissions.shown`."""
        return self._shown(actor)

    def renew(self, ticket: str) -> None:
        """See `Permissions.renew`."""
        self._renewed(ticket)

    def _is_open(self) -> bool:
        """Whether the user may still see the page's content."""
        return self.rules() if self.store_id is None else self.sees(self.store_id)

    def _header(self, header: Card) -> Card:
        pauses, mine = header["pauses"], self._memberships()
        whole = reaches(mine.get(EVERYWHERE), "admin")
        counted: Role = "admin" if self.rules() else "viewer"  # what the page of all stores lists, if there is one
        paused = {id_: pause for id_, pause in pauses["stores"].items() if role_in(mine, id_)}
        return header | {
            "stores": [each for each in header["stores"] if role_in(mine, each["id"])],
            "pauses": pauses | {"stores": paused},
            "blocked": header["blocked"] if whole else header["blocked"] and BLOCKED,
            "alerts": {id_: number for id_, number in header["alerts"].items() if reaches(role_in(mine, id_), counted)},
            "user": {
                "name": self.actor,
                "shown": self.shown(self.actor or ""),
                "role": role_in(mine, self.store_id) if self.store_id else "admin" if self.rules() else None,
                "rules": self.rules(),
                "everywhere": EVERYWHERE in mine,
                "whole": whole,
            },
        }

    def _role(self, store_id: str | None) -> Role | None:
        return role_in(self._memberships(), store_id or EVERYWHERE)


class EntryPermissions(MemberPermissions):
    """For a page that shows nothing but an explanation and other pages to open."""

    def _is_open(self) -> bool:
        return True


def _in_brief(message: messages.Request) -> str:
    """Return a message's kind for the log, without anything that somebody has typed."""
    inner = f" ({_in_brief(message.message)})" if isinstance(message, messages.Within) else ""
    return f"{message.__struct_config__.tag}{inner}"
