"""What the dialogs ask for: each form holds what was typed, judges it, and hands it to a command.

A form judges by the very rules that the command will apply, so that what is wrong is said beside the field while
it is being typed. Its fields are named as the command's arguments and hold what a browser can hold: texts, flags,
lists of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import param

from wsq.api import Store
from wsq.errors import InvalidInput
from wsq.projections.rows import Contact, Document, Project, RecurringTask, Task
from wsq.views.dialogs.layout import Item, described

Row = Contact | Document | Project | RecurringTask | Task

LONG = {"maxlength": "1000"}
"""Attributes of a field whose text the command limits."""

VERBATIM = {"spellcheck": "false"}


class Refused(InvalidInput):
    """A form that cannot be saved as it is; `problems` has a sentence for each field that is wrong."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(next(iter(problems.values())))
        self.problems = dict(problems)


class Form(param.Parameterized):  # type: ignore[misc]  # param is not typed
    """What has been typed into a dialog. Every kind of row that people edit has a subclass."""

    __abstract = True

    _meanings: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """How each argument of the command is read from the form; raises `InvalidInput`."""

    _typed_in: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The fields that an argument is read from, where these are not the one of its name."""

    _kind: ClassVar[str]
    """The kind of row that it edits, as the store's methods name it: ``task`` for ``create_task``."""

    _css: ClassVar[str] = ""
    _head: ClassVar[Sequence[Item]] = ()
    """What is beside its title."""

    _layout: ClassVar[Sequence[Item]] = ()
    """Its fields, as they follow one another."""

    _archived: ClassVar[str] = ""
    """What to know of an archived row."""

    def __init__(self, **fields: Any) -> None:
        # Left to itself, param calls an object by its class and a number; a form's name is what somebody typed.
        super().__init__(**({"name": ""} | fields if "name" in self._meanings else fields))

    @classmethod
    def typed(cls, fields: Mapping[str, Any]) -> Self:
        """The form with these fields, others as they are when it is opened.

        Raises:
            InvalidInput: A field is unknown or holds what no browser sends.
        """
        if fields.keys() - set(cls._names()):
            raise InvalidInput("The form has a field that there is not.")
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The form holds what it cannot hold: {str(error).rstrip('.')}.") from error

    @classmethod
    def blank(cls, store: Store) -> Self:
        """The form for a new row."""
        del store
        return cls()

    @classmethod
    def of(cls, row: Any) -> Self:
        """The form that shows a row as it is."""
        raise NotImplementedError

    @classmethod
    def copy_of(cls, row: Any) -> Self:
        """The form for a new row like another."""
        return cls.of(row)

    @classmethod
    def row(cls, store: Store, row_id: str) -> Any:
        """The row that is edited."""
        return getattr(store, cls._kind)(row_id)

    def layout(self, store: Store) -> Sequence[Item]:
        """Its fields in a store."""
        del store
        return self._layout

    def drawn(self, store: Store, row: Any, *, copied: bool = False) -> dict[str, Any]:
        """How a browser draws it; `row` is the one that it edits, None for a new one."""
        is_archived = getattr(row, "archived_at", None) is not None
        return {
            "title": self._title(is_new=row is None, copied=copied),
            "submit": "Create" if row is None else "Save",
            "css": self._css,
            "head": described(self, self._head),
            "layout": described(self, self.layout(store)),
            "notice": self._archived if is_archived else None,
        }

    def _title(self, *, is_new: bool, copied: bool) -> str:  # noqa: ARG002 - of forms that can be copied
        return f"New {self._kind}" if is_new else self._kind.capitalize()

    def fields(self) -> dict[str, Any]:
        """What it holds, by field."""
        return {name: getattr(self, name) for name in self._names()}

    def problems(self) -> dict[str, str]:
        """A sentence for each invalid field; empty when the form can be saved, as far as is known before."""
        found = {}
        for name, meaning in self._meanings.items():
            try:
                meaning(self)
            except InvalidInput as problem:
                found[name] = str(problem)
        return found

    def remarks(self, store: Store, row_id: str | None) -> dict[str, Any]:
        """What else there is to say of it while it is being typed."""
        del store, row_id
        return {}

    def create(self, store: Store) -> Row:
        """Make a row of it.

        Raises:
            Refused: Something in it is wrong.
            WsqError: The command refused it.
        """
        meant = self._meant(self._meanings)
        row: Row = store.together(lambda board: self._create(board, dict(meant)))
        return row

    def save(self, store: Store, row_id: str, version: int) -> Row:
        """Change the row to what was typed: what was not touched stays as it is, to the letter.

        Raises:
            Refused: Something in it is wrong.
            Conflict: The row is no longer at `version`.
            WsqError: The command refused it.
        """
        before = self.of(self.row(store, row_id))
        touched = [name for name in self._meanings if self._differs(before, name)]
        meant = self._meant(touched)
        row: Row = store.together(lambda board: self._update(board, row_id, version, dict(meant)))
        return row

    def _meant(self, names: Iterable[str]) -> dict[str, Any]:
        problems = {name: text for name, text in self.problems().items() if name in names}
        if problems:
            raise Refused(problems)
        return {name: self._meanings[name](self) for name in names}

    def _differs(self, other: Form, name: str) -> bool:
        return any(getattr(self, each) != getattr(other, each) for each in self._typed_in.get(name, (name,)))

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in cls.param if name != "name" or "name" in cls._meanings]

    def _create(self, store: Store, meant: dict[str, Any]) -> Any:
        return getattr(store, f"create_{self._kind}")(**meant)

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Any:
        return getattr(store, f"update_{self._kind}")(row_id, expected_version=version, **meant)
