"""The documentation leads where it says, and what it tells people to type is understood."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from wsq.cli import flags
from wsq.cli.parser import parser
from wsq.cli.process import FLAGS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
USERS = [page for page in PAGES if page.parent.name != "decisions" and page.name != "architecture.md"]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[\s/])(wsq-process|wsq)((?:\s.*)?)$")


def named(page: Path) -> str:
    """A page as a test's id shows it."""
    return str(page.relative_to(ROOT))


def headings(page: Path) -> set[str]:
    """What a link into a page may name, as GitHub makes it of the headings."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def command_lines(page: Path) -> list[tuple[str, str]]:
    """The program and the arguments of each command line of ours in an indented block."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.startswith("    ") and not line.strip().startswith("-")]
    parts = [part for line in lines for part in line.split(" && ")]
    return [(match[1], match[2]) for part in parts if (match := _COMMAND.search(part))]


def understood(program: str, arguments: list[str]) -> object:
    """What the real parser makes of a command line; it raises what it does not understand."""
    return flags.parse(arguments, FLAGS) if program == "wsq-process" else parser().parse_args(arguments)


def known_flags(words: list[str]) -> set[str]:
    """The flags of the command that the first words name; `KeyError` when they name none."""
    at: argparse.ArgumentParser = parser()
    for word in words:
        nested = [action for action in at._actions if isinstance(action, argparse._SubParsersAction)]
        if not nested:
            break
        at = nested[0].choices[word]
    return {flag for action in at._actions for flag in action.option_strings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_within_leads_to_a_file_and_to_a_heading_in_it(page):
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not heading or heading in headings(target), f"{link} names no heading of {target.name}"


def test_the_index_leads_to_every_page_and_every_decision():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in _LINK.findall(index.read_text(encoding="utf-8"))}
    assert [named(page) for page in PAGES[1:] if page != index and page not in linked] == []


@pytest.mark.parametrize("page", USERS, ids=named)
def test_every_command_line_is_understood_by_the_program_that_it_is_for(page):
    for program, arguments in command_lines(page):
        understood(program, shlex.split(arguments, comments=True))


@pytest.mark.parametrize("page", USERS, ids=named)
def test_every_command_named_in_a_sentence_is_one_and_has_the_flags(page):
    for span in re.findall(r"`([^`\n]+)`", _FENCED.sub("", page.read_text(encoding="utf-8"))):
        program, *words = span.split() or [""]
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        if program == "wsq":
            assert given <= known_flags([word for word in words if word[0] not in "-("]), span
        elif program == "wsq-process":
            assert given <= {flag.name for flag in FLAGS}, span


def test_there_are_command_lines_to_be_read():
    found = [line for page in USERS for line in command_lines(page)]
    assert len(found) >= 20
    assert ("wsq", " schedule install") in found
