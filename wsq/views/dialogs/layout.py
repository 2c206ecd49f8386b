"""How a form looks: its fields in their order, each described for a browser by its param.

A browser draws what `described` returns and knows no form by its name: the kinds of fields are in controls.js, those
of remarks in remarks.js.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import param


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form; its label and choices are the param's, its kind follows from the param's type.

    `attributes` are those of the element that takes the text. `more` goes to the control as it is.
    """

    name: str
    kind: str | None = None
    hint: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Beside:
    """Items beside each other."""

    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Folded:
    """Items that are shown when their title is clicked."""

    title: str
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Remark:
    """The place of what is remarked on the form while it is typed."""

    kind: str


Item = Field | Beside | Folded | Remark


def described(form: param.Parameterized, items: Sequence[Item]) -> list[dict[str, Any]]:
    """The items as a browser draws them."""
    return [_described(form, item) for item in items]


def _described(form: param.Parameterized, item: Item) -> dict[str, Any]:
    match item:
        case Remark(kind=kind):
            return {"remark": kind}
        case Beside(items=items):
            return {"row": described(form, items)}
        case Folded(title=title, items=items):
            return {"title": title, "folded": described(form, items)}
        case Field(name=name):
            parameter = form.param[name]
            shown = {"name": name, "label": parameter.label, "kind": item.kind or _kind(parameter), "hint": item.hint}
            if isinstance(parameter, param.Selector):
                shown["choices"] = [[value, text] for text, value in parameter.get_range().items()]
            return shown | {"attributes": dict(item.attributes), **item.more}


def _kind(parameter: param.Parameter) -> str:
    match parameter:
        case param.Boolean():
            return "flag"
        case param.Selector():
            return "select"
        case param.List():
            return "names"
    return "text"
