"""The link with which a person opens a draft in the mail program."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsq.rules.drafts import CUT, LONGEST, is_draft, mailto


def opened(link):
    """What a mail program makes of it."""
    parts = urlsplit(link)
    assert parts.scheme == "mailto"
    fields = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else {}
    assert all(len(values) == 1 for values in fields.values())
    return parts.path, {name: values[0] for name, values in fields.items()}


def test_a_draft_opens_with_its_recipients_subject_and_text():
    link = mailto(
        "To: Ada <ada@example.com>, bob@example.org\nCc: c@example.com\nSubject: 3 & 4?\n\nDear Ada,\n\nhi.\n"
    )

    assert opened(link) == (
        "ada@example.com,bob@example.org",
        {"cc": "c@example.com", "subject": "3 & 4?", "body": "Dear Ada,\r\n\r\nhi."},
    )


def test_texts_of_any_language_come_through():
    link = mailto("To: ada@example.com\nSubject: Grüße 🦆 100 % \u202eabc\n\nZeile <b>&amp;</b>\n+1 = 2 # x")

    assert opened(link)[1] == {"subject": "Grüße 🦆 100 % \u202eabc", "body": "Zeile <b>&amp;</b>\r\n+1 = 2 # x"}
    assert link.isascii()


@pytest.mark.parametrize(
    "content",
    ["", "Dear Ada,\nhi.", "To: nobody\n\nHi.", "Subject:\n\nHi.", "X-Evil: a@example.com\n\nHi."],
)
def test_what_names_neither_an_address_nor_a_subject_is_no_email(content):
    assert mailto(content) is None


def test_headers_of_a_stranger_do_no_harm():
    link = mailto(
        "To: ada@example.com?bcc=evil@example.com, evil@example.com&attach=/etc/passwd\n"
        "Bcc: evil@example.com\nAttach: /etc/passwd\nIn-Reply-To: x\n"
        "Subject: Hi&bcc=evil@example.com%0ABcc: evil@example.com\n\nText&cc=evil@example.com"
    )

    recipients, fields = opened(link)
    assert recipients == ""
    assert set(fields) == {"subject", "body"}
    assert fields["subject"] == "Hi&bcc=evil@example.com%0ABcc: evil@example.com"


def test_a_long_text_is_cut_and_says_so():
    link = mailto("To: ada@example.com\nSubject: Long\n\n" + "Wörter und Sätze. " * 2_000)

    body = opened(link)[1]["body"]
    assert len(link) <= LONGEST
    assert body.endswith(CUT.replace("\n", "\r\n"))
    assert body.startswith("Wörter und Sätze. Wörter")


@given(st.text(max_size=400))
def test_no_text_makes_a_link_that_says_more_than_its_own_fields(content):
    link = mailto(f"To: ada@example.com\nSubject: x\n\n{content}")

    recipients, fields = opened(link)
    assert recipients == "ada@example.com"
    assert set(fields) <= {"subject", "body"}


def test_a_draft_is_known_by_its_title():
    assert is_draft("Draft: to Ada")
    assert is_draft("draft:x")
    assert not is_draft("First draft: x")
