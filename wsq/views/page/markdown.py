"""Parse Markdown of people and models into a tree for pages, never into markup.

The tree consists of strings and `Element`s from a fixed set of tags. `markdown.js` renders it with `createElement` and
text nodes only, and checks it again, so that one mistake is not yet a vulnerability. No HTML string is ever created.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import NamedTuple, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, table
from markdown_it.rules_inline import StateInline, image
from markdown_it.token import Token

LIMIT = 50_000
"""Maximum characters that are parsed; the rest is cut off, with a note."""

DEPTH = 20
"""Maximum nesting of quotes and lists; deeper ones are shown as written."""

CELLS = 8_000
"""Maximum cells of all tables, since short rows are padded to the header's width; later ones are shown as written."""

QUOTED = 20_000
"""Maximum lines that are scanned for quotes; later quotes are shown as written. The parser scans all lines up to an
empty one and may take only the first two, so that a text of short lines would take minutes."""

MARKS = 12_000
"""Maximum characters that may be markup and are parsed: each takes as long as dozens of letters. What follows is shown
as it was written."""

BRACKETS = 8
"""Maximum nesting of brackets that may be links; each level multiplies the parsing time."""

OPEN = 32
"""Maximum nesting of elements; deeper emphasis is dropped, its text is not."""

TAGS = frozenset(
    {"p", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "s", "a", "bdi", "br", "hr"}
    | {"table", "thead", "tbody", "tr", "th", "td"}
)
"""All tags in a tree. `bdi` keeps an address readable whatever the direction of the text around it."""

_HEADINGS = {"h1": "h4", "h2": "h5", "h3": "h6", "h4": "h6", "h5": "h6", "h6": "h6"}
_ALIGNMENTS = {f"text-align:{side}": side for side in ("left", "center", "right")}
_BOXES = {"[ ]": "☐", "[x]": "☑", "[X]": "☑"}

# Link targets after the parser's percent-encoding: plain ASCII, a host right after the slashes.
_SAFE = re.compile(r"(?:https?://[\w\[][!-~]*|mailto:[!-~]+)", re.ASCII | re.IGNORECASE)
# Brackets, quotes and backslashes end an address, so that it cannot reach into other Markdown or hide its end.
_BARE = re.compile(r"(https?)://[a-z0-9][^\s<>\"`\\^{}|\[\]\x00-\x1f]*", re.IGNORECASE)
# A tag, a comment or similar, up to the next angle bracket, so that no text is scanned twice.
_MARKUP = re.compile(r"</?[a-z!?][^<>]*>", re.IGNORECASE)
_MARK = re.compile(r"[^\w \t]|_")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Element(NamedTuple):
    """A tag of `TAGS` with attributes and children; in JSON an array of three."""

    tag: str
    attributes: dict[str, str | int]
    children: list[Node]


Node: TypeAlias = "str | Element"


def tree(text: str, *, limit: int = LIMIT) -> list[Node]:
    """Return the text as a tree of `Element`s and strings, ready for JSON. Never raises.

    Supports CommonMark with tables, strikethrough, task lists and bare http(s) addresses. HTML is shown as text, images
    become their description and address, headings start at h4, and links must use http, https or mailto: others become
    text. If a link's text is not its address, the address follows in full.

    Args:
        text: The Markdown text.
        limit: Maximum characters to parse. A longer text is cut, if possible at the end of a line, and ends with a
            paragraph that says so.

    Returns:
        The blocks in order; empty if there is nothing to show. Attributes are `href` of `a` (checked), `start` of `ol`
        (an integer) and `align` of `th` and `td` (`left`, `center` or `right`).
    """
    end = _end(text, limit)
    shown = _LONE_SURROGATE.sub("\ufffd", text[:end])
    parsed = _parsed_end(shown)
    drawn = _Drawing(addresses=24 * len(shown) + 1000).draw(_parser().parse(shown[:parsed]))
    if parsed < len(shown):
        drawn.append(Element("pre", {}, [Element("code", {}, [shown[parsed:]])]))
    if end < len(text):
        note = f"Cut off: {len(text) - end:,} of {len(text):,} characters are not shown."
        drawn.append(Element("p", {}, [Element("em", {}, [note])]))
    return drawn


def is_safe(address: str) -> bool:
    """Whether a link may have this target: an http, https or mailto address of printable ASCII characters."""
    return _SAFE.fullmatch(address) is not None


def _end(text: str, limit: int) -> int:
    if len(text) <= limit:
        return len(text)
    line = text.rfind("\n", limit - 1000 if limit > 1000 else 0, limit)
    return line + 1 or limit


def _parsed_end(text: str) -> int:
    """Where parsing ends: behind `MARKS` marks, if possible at the end of a line."""
    surplus = next(islice(_MARK.finditer(text), MARKS, None), None)
    if surplus is None:
        return len(text)
    return text.rfind("\n", max(surplus.start() - 1000, 0), surplus.start()) + 1 or surplus.start()


# ---- parsing --------------------------------------------------------------------------------------------------------


@cache
def _parser() -> MarkdownIt:
    # The parser's own nesting limit drops deeper content, so ours applies first; a list takes two levels.
    reader = MarkdownIt("commonmark", {"html": False, "maxNesting": DEPTH + 4})
    reader.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    reader.validateLink = _any_address  # type: ignore[method-assign]
    reader.block.ruler.at("blockquote", _quote, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    reader.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    reader.block.ruler.before("table", "too_deep", _too_deep)
    reader.inline.ruler.at("image", _image)
    reader.inline.ruler.before("text", "unread", _unread)
    reader.inline.ruler.after("text", "bare_address", _bare_address)
    reader.inline.ruler.before("entity", "markup", _markup)
    reader.parse("*")  # compiles the rules, which is not thread-safe
    return reader


def _any_address(url: str) -> bool:  # noqa: ARG001
    """Accept any target: `is_safe` checks them, while the parser would leave the Markdown as written."""
    return True


def _too_deep(state: StateBlock, start: int, end: int, _silent: bool) -> bool:  # noqa: FBT001
    if state.level < DEPTH:
        return False
    line = start
    while line < end and (state.isEmpty(line) or state.sCount[line] >= state.blkIndent):
        line += 1
    state.push("too_deep", "", 0).content = state.getLines(start, line, state.blkIndent, False)  # noqa: FBT003
    state.line = line
    return True


def _quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    left = state.env.get("quoted", QUOTED)
    if not left or silent:
        return bool(left) and blockquote(state, start, end, True)  # noqa: FBT003
    if not blockquote(state, start, end, True):  # noqa: FBT003
        return False
    last = start
    while last < end and not state.isEmpty(last) and last - start < left:
        last += 1
    state.env["quoted"] = left - (last - start)
    return blockquote(state, start, end, False)  # noqa: FBT003


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    left = state.env.get("cells", CELLS)
    if not left or not table(state, start, end, True):  # noqa: FBT003
        return False
    columns = state.src[state.bMarks[start] : state.eMarks[start]].count("|") + 1
    last = start
    while last < end and not state.isEmpty(last) and (last - start) * columns <= left:
        last += 1
    left -= (last - start) * columns
    if left < 0:
        state.env["cells"] = 0  # later tables are not counted again
        return False
    if silent:
        return True
    state.env["cells"] = left
    return table(state, start, end, False)  # noqa: FBT003


def _bare_address(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    if silent or state.linkLevel or state.src[state.pos] != ":":
        return False
    for scheme in ("https", "http"):
        begin = state.pos - len(scheme)
        if begin < 0 or state.pending[-len(scheme) :].lower() != scheme:
            continue
        found = _BARE.match(state.src, begin, state.posMax)
        if found is None or (begin and state.src[begin - 1].isalnum()):
            return False
        address = _without_punctuation(found[0])
        if address.count(":") == 0 or len(address) <= len(scheme) + 3:
            return False
        state.pending = state.pending[: -len(scheme)]
        state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(address)}
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
        state.pos = begin + len(address)
        return True
    return False


def _image(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    if silent:
        return image(state, True)  # noqa: FBT003
    # Its description is shown as written. Nested images would be parsed again at every level.
    state.env["unread"] = True
    found = image(state, False)  # noqa: FBT003
    state.env["unread"] = False
    return found


def _unread(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    """Skip the rest of a paragraph: inside too many brackets, or in an image's description."""
    if not (state.level > BRACKETS if silent else state.env.get("unread")):
        return False
    state.pos = state.posMax
    return True


def _without_punctuation(address: str) -> str:
    """Return the address without punctuation of the sentence around it: a full stop, an unmatched bracket."""
    unopened = address.count(")") - address.count("(")
    end = len(address)
    while end and (address[end - 1] in "?!.,:;*_~'" or (address[end - 1] == ")" and unopened > 0)):
        unopened -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def _markup(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    found = _MARKUP.match(state.src, state.pos, state.posMax) if state.src[state.pos] == "<" else None
    if found is None:
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True


# ---- rendering ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """An element that is not closed yet; without a tag, its children become its parent's."""

    tag: str = ""
    attributes: dict[str, str | int] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)


class _Drawing:
    """Builds a tree from the parser's tokens, without recursion."""

    def __init__(self, addresses: int) -> None:
        # A long address, defined once, can be referenced many times, so the total is limited. Addresses written out
        # never reach the limit: each is shown twice, and a character becomes at most twelve.
        self.addresses = addresses
        self.open = [_Open()]

    def draw(self, tokens: list[Token]) -> list[Node]:
        for token in _flat(tokens):
            if token.nesting > 0:
                self.begin(token)
            elif token.nesting < 0:
                self.end()
            else:
                self.leaf(token)
        return self.open[0].children

    def begin(self, token: Token) -> None:
        tag = _HEADINGS.get(token.tag, token.tag)
        shown = tag in TAGS and not token.hidden and (tag == "a" or len(self.open) < OPEN)
        self.open.append(_Open(tag if shown else "", _attributes(token)))

    def end(self) -> None:
        ended = self.open.pop()
        if ended.tag == "a":
            self.link(ended)
        elif ended.tag:
            self.add(Element(ended.tag, ended.attributes, ended.children))
        else:
            self.add(*ended.children)

    def leaf(self, token: Token) -> None:
        match token.type:
            case "softbreak":
                self.add("\n")
            case "hardbreak":
                self.add(Element("br", {}, []))
            case "hr":
                self.add(Element("hr", {}, []))
            case "code_inline":
                self.add(Element("code", {}, [token.content]))
            case "fence" | "code_block":
                self.add(Element("pre", {}, [Element("code", {}, [token.content.removesuffix("\n")])]))
            case "too_deep":
                self.add(Element("p", {}, [token.content]))
            case "image":
                self.add(token.content)
                self.address(self.affordable(str(token.attrs.get("src", ""))))
            case _:
                self.add(token.content)

    def add(self, *nodes: Node) -> None:
        """Add to the innermost open element; adjacent strings are joined."""
        children = self.open[-1].children
        for node in nodes:
            if isinstance(node, str) and children and isinstance(children[-1], str):
                children[-1] += node
            elif node != "":
                children.append(node)

    def link(self, ended: _Open) -> None:
        address = str(ended.attributes.get("href", ""))
        words = _words(ended.children)
        own = words in (address, address.removeprefix("mailto:"))
        shown = self.affordable(address)
        leads = shown == address and is_safe(address) and len(self.open) < OPEN
        if leads:
            self.add(Element("a", {"href": address}, ended.children if words.strip() else [address]))
        else:
            self.add(*ended.children)
        if not own and (words.strip() or not leads):
            self.address(shown)

    def address(self, shown: str) -> None:
        """Show an address in full, isolated from the direction of the text before it."""
        if shown:
            self.add(" ", Element("bdi", {}, [f"({shown})"]))

    def affordable(self, address: str) -> str:
        """Return the address, or a replacement if it was repeated too often."""
        self.addresses -= 2 * len(address)
        return address if self.addresses >= 0 else "an address too long to repeat"


def _flat(tokens: list[Token]) -> Iterator[Token]:
    """Yield all tokens in order, a paragraph's inline tokens in place, and a task list's checkbox as one character."""
    before: list[str] = ["", ""]
    for token in tokens:
        if token.type == "inline":
            children = token.children or []
            if before == ["list_item_open", "paragraph_open"]:
                _tick(children)
            yield from children
        else:
            yield token
        before = [before[1], token.type]


def _tick(children: list[Token]) -> None:
    first = children[0] if children else None
    if first is not None and first.type == "text" and first.content[:3] in _BOXES and first.content[3:4] == " ":
        first.content = _BOXES[first.content[:3]] + first.content[3:]


def _attributes(token: Token) -> dict[str, str | int]:
    match token.tag:
        case "a":
            return {"href": str(token.attrs.get("href", ""))}
        case "ol" if "start" in token.attrs:
            return {"start": int(token.attrs["start"])}
        case "th" | "td" if token.attrs.get("style") in _ALIGNMENTS:
            return {"align": _ALIGNMENTS[str(token.attrs["style"])]}
        case _:
            return {}


def _words(nodes: list[Node]) -> str:
    return "".join(node if isinstance(node, str) else _words(node.children) for node in nodes)
