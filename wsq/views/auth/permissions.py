"""What whoever looks at a page may see and ask for. On a machine of one's own that is everything."""

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
    messages.Within: None,  # the message within is judged, in the store that is named
    messages.Renew: None,  # a page's browser shows that it has a session
}
"""The role that each message needs in the store that it is about; a message that is missing here is refused."""


def no_store(store_id: str) -> NotFound:
    """What is said of a store that is not there, or not for who asks: the same of both."""
    return NotFound(f"There is no store {store_id!r} that you are a member of.")


class Gate:
    """Lets everything pass, as without a login. A page asks it before it answers, and before it tells anything."""

    actor: str | None = None
    """Who stands on what is done; None for whom the workspace was opened by."""

    everywhere = True
    """Whether every store is seen."""

    def sees(self, store_id: str) -> bool:
        """Whether there is such a store, for who asks."""
        return self.may(store_id, "viewer")

    def may(self, store_id: str, needed: Role) -> bool:
        """Whether the role in a store reaches as far as `needed`."""
        del store_id, needed
        return True

    def allow(self, message: messages.Request) -> None:
        """Refuse a message that may not be carried out.

        Raises:
            LoggedOut: The session is over.
            NotAllowed: The role in the store that it is about does not reach that far.
            NotFound: It is about a store that one is no member of.
        """

    def fit(self, card: Card) -> Card | None:
        """What a browser is told, without what it must not know; None when it is to be told nothing."""
        return card

    def worded(self, refusal: WsqError) -> str:
        """What is said of something that was refused, without what must not be known."""
        return str(refusal)

    def renew(self, ticket: str) -> None:
        """Go on with the session that a browser has now; without a login there is none."""
        del ticket
        raise InvalidInput("The page sent a message that it has no button for.")


OPEN = Gate()


class MemberGate(Gate):
    """Lets pass what a user may, as they stand at this moment.

    `store_id` is the store that the page shows; None for the page that shows all. `memberships` tells them as they
    are now, and raises `LoggedOut` when the session is over. `refused` hears of everything that is refused.
    """

    def __init__(
        self,
        name: str,
        store_id: str | None,
        memberships: Callable[[], Memberships],
        *,
        renewed: Callable[[str], None],
        refused: Callable[[str], None],
    ) -> None:
        self.actor = name
        self.store_id = store_id
        self._memberships = memberships
        self._renewed = renewed
        self._refused = refused

    @property
    def everywhere(self) -> bool:  # type: ignore[override]  # it may change while a page is open
        """See `Gate.everywhere`."""
        return self._role(EVERYWHERE) is not None

    def may(self, store_id: str, needed: Role) -> bool:
        """See `Gate.may`."""
        return reaches(self._role(store_id), needed)

    def rules(self, needed: Role = "admin") -> bool:
        """Whether the role reaches that far anywhere."""
        return any(reaches(role, needed) for role in self._memberships().values())

    def named(self) -> list[str]:
        """The stores in which a role was given by name; they need not be made yet."""
        return sorted(store_id for store_id in self._memberships() if store_id != EVERYWHERE)

    def allow(self, message: messages.Request) -> None:
        """See `Gate.allow`."""
        try:
            if isinstance(message, messages.Renew):
                return
            self._judge(message)
        except (NotAllowed, NotFound, LoggedOut) as refusal:
            self._refused(f"{_asked(message)}: {refusal}")
            raise

    def _judge(self, message: messages.Request) -> None:
        if self.store_id is not None:
            self._demand(self.store_id, "viewer")
        elif not self.rules():
            raise NotAllowed("Only an admin may see the administration of all stores.")
        match message:
            case messages.Within(store=store, message=inner):
                self._demand_of(inner, store)
            case messages.Statistics(store=None):
                if not self.everywhere:
                    raise NotAllowed("The statistics of all stores are only for who is a member of all of them.")
            case messages.Statistics(store=str(store)):
                self._demand(store, "viewer")
            case _ if self.store_id is None and isinstance(
                message, messages.Overview | messages.Alerts | messages.EnableMany | messages.DisableMany
            ):
                return  # about each of the stores in which the role reaches that far, and no other
            case _:
                self._demand_of(message, self.store_id or EVERYWHERE)

    def _demand_of(self, message: messages.Request, store_id: str) -> None:
        needed = NEEDS.get(type(message))
        if needed is None:
            raise NotAllowed("The page sent a message that nobody may send.")
        self._demand(EVERYWHERE if getattr(message, "whole", False) else store_id, needed)

    def _demand(self, store_id: str, needed: Role) -> None:
        role = self._role(store_id)
        if reaches(role, needed):
            return
        if store_id == EVERYWHERE:
            raise NotAllowed("Only an admin of all stores may do that.")
        if role is None:
            raise no_store(store_id)
        raise NotAllowed(f"Your role in the store {store_id!r} is {role}; only an {needed} may do that.")

    def fit(self, card: Card) -> Card | None:
        """See `Gate.fit`. Answers pass, since they were judged; news only as long as they may be seen."""
        is_answer = card["type"] == "answer"
        try:
            if not (is_answer or self._is_open()):
                return None
            return card | {"header": self._header(card["header"])} if "header" in card else card
        except LoggedOut:
            return {name: told for name, told in card.items() if name != "header"} if is_answer else None

    def worded(self, refusal: WsqError) -> str:
        """See `Gate.worded`. Of a store that is not there yet, the nearest would be named, which may be another's."""
        said = str(refusal)
        if isinstance(refusal, NotFound) and said.startswith("There is no store "):
            return said.partition("; ")[0].rstrip(".") + "."
        return said

    def renew(self, ticket: str) -> None:
        """See `Gate.renew`."""
        self._renewed(ticket)

    def _is_open(self) -> bool:
        """Whether what the page shows may still be seen."""
        return self.rules() if self.store_id is None else self.sees(self.store_id)

    def _header(self, header: Card) -> Card:
        pauses, mine = header["pauses"], self._memberships()
        paused = {id_: told for id_, told in pauses["stores"].items() if role_in(mine, id_)}
        return header | {
            "stores": [each for each in header["stores"] if role_in(mine, each["id"])],
            "pauses": pauses | {"stores": paused},
            "user": {
                "name": self.actor,
                "role": role_in(mine, self.store_id) if self.store_id else "admin" if self.rules() else None,
                "rules": self.rules(),
                "everywhere": EVERYWHERE in mine,
                "whole": reaches(mine.get(EVERYWHERE), "admin"),
            },
        }

    def _role(self, store_id: str | None) -> Role | None:
        return role_in(self._memberships(), store_id or EVERYWHERE)


class LobbyGate(MemberGate):
    """For a page that shows nothing but why there is nothing to show, and where else one may go."""

    def _is_open(self) -> bool:
        return True


def _asked(message: messages.Request) -> str:
    """A message as a log tells it: what it asks for, and nothing that somebody has typed."""
    inner = f" ({_asked(message.message)})" if isinstance(message, messages.Within) else ""
    return f"{message.__struct_config__.tag}{inner}"
