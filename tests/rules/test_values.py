"""What is accepted from people, and how a refusal is worded."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsq.errors import InvalidInput
from wsq.rules import values

UNSTORABLE = ["a\0b", "a\ud800b", "\udfff"]


def test_a_refusal_is_one_sentence_with_the_field_the_value_and_what_was_expected():
    with pytest.raises(InvalidInput) as refused:
        values.status("later")

    assert str(refused.value) == "status is 'later', expected todo, doing, in_review or done."


def test_a_refusal_shows_the_beginning_of_a_long_value_on_one_line():
    with pytest.raises(InvalidInput) as refused:
        values.status("line\n" * 10_000)

    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("given_id", ["acme", "A-1_b", "x" * 64, "-"])
def test_a_store_id_is_kept(given_id):
    assert values.store_id(given_id) == given_id


@pytest.mark.parametrize("wrong", ["", "*", "a b", "x" * 65, "ä", "a\n", " acme", None, 7])
def test_what_is_no_store_id_is_refused(wrong):
    with pytest.raises(InvalidInput, match=r"^store is .*, expected 1 to 64 characters of A-Z a-z 0-9 _ -"):
        values.store_id(wrong)


def test_a_name_is_trimmed_and_may_be_200_characters_long():
    assert values.name("\u3000 Ship it 🚀\n") == "Ship it 🚀"
    assert values.name("x" * 200 + " ") == "x" * 200


@pytest.mark.parametrize("blank", ["", "   ", "\u200b\u200b", "\n\t", None, 5, *UNSTORABLE])
def test_a_name_that_shows_nothing_is_refused(blank):
    with pytest.raises(InvalidInput, match=r"^title is "):
        values.name(blank, "title")


@pytest.mark.parametrize(
    ("check", "most"),
    [
        (values.name, 200),
        (lambda text: values.text(text, "prompt"), 20_000),
        (values.content, 1_000_000),
    ],
)
def test_a_text_may_be_as_long_as_its_limit_and_not_longer(check, most):
    assert check("ü" * most) == "ü" * most
    with pytest.raises(InvalidInput, match=rf"expected at most {most:,} characters instead of {most + 1:,}"):
        check("ü" * (most + 1))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50))
def test_a_text_of_any_storable_unicode_is_kept_to_the_letter(text):
    assert values.text(text, "prompt") == text


@pytest.mark.parametrize(("wrong", "named"), list(zip(UNSTORABLE, [r"U\+0000", r"U\+D800", r"U\+DFFF"], strict=True)))
def test_a_text_that_cannot_be_stored_is_refused_and_the_character_named(wrong, named):
    with pytest.raises(InvalidInput, match=f"^prompt is .*, expected text without {named}, which stands at") as refused:
        values.text(wrong, "prompt")
    str(refused.value).encode()


@pytest.mark.parametrize(
    ("given_email", "folded"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada.Lovelace@Example.COM ", "ada.lovelace@example.com"),
        ("o'brien+tag@mail.example.co.uk", "o'brien+tag@mail.example.co.uk"),
        ("info@München.de", "info@xn--mnchen-3ya.de"),
        ("info@xn--mnchen-3ya.de", "info@xn--mnchen-3ya.de"),
        ("Jo\u0308rg@example.com", "jörg@example.com"),
        ("root@localhost", "root@localhost"),
        ("ada@firm.local", "ada@firm.local"),
        ("ada@team.test", "ada@team.test"),
    ],
)
def test_an_address_that_people_use_is_kept_as_given_and_folded(given_email, folded):
    assert values.email(given_email) == (given_email.strip(), folded)


@pytest.mark.parametrize(
    "wrong",
    ["", "ada", "ada@", "@example.com", "ada@exa mple.com", "a@b@c.de", "Ada <a@b.de>", None, "x" * 30_000],
)
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(InvalidInput, match=r"^email is "):
        values.email(wrong)


@pytest.mark.parametrize("lane", ["todo", "doing", "in_review", "done"])
def test_a_lane_is_accepted(lane):
    assert values.status(lane) == lane


@pytest.mark.parametrize("wrong", ["To do", "TODO", "", None, ["todo"]])
def test_a_lane_is_spelled_exactly(wrong):
    with pytest.raises(InvalidInput, match=r"^status is "):
        values.status(wrong)


def test_missed_slots_are_skipped_or_run_once():
    assert [values.missed(each) for each in ("skip", "run_once")] == ["skip", "run_once"]
    with pytest.raises(InvalidInput, match="expected skip or run_once"):
        values.missed("all")


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Calcutta"])
def test_a_zone_is_known_by_its_iana_name(name):
    assert values.timezone(name) == name


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "Berlin/Europe",
        "Europe",
        "../UTC",
        "/etc/localtime",
        "localtime",
        "right/UTC",
        "x" * 5_000,
        None,
        1,
        *UNSTORABLE,
    ],
)
def test_what_is_no_zone_is_refused(wrong):
    with pytest.raises(InvalidInput, match=r"^timezone is .*, expected the name of an IANA time zone such as"):
        values.timezone(wrong)


def test_the_nearest_zone_is_named():
    with pytest.raises(InvalidInput, match="such as Europe/Berlin"):
        values.timezone("europe/berln")


def test_assignees_are_trimmed_distinct_and_in_order():
    assert values.assignees([" Grace ", "Ada", "Grace"]) == ("Grace", "Ada")
    assert values.assignees(()) == ()


@pytest.mark.parametrize("wrong", ["Ada", None, {"Ada": 1}, ["Ada", ""], [None], [f"a{n}" for n in range(51)]])
def test_what_is_no_list_of_names_is_refused(wrong):
    with pytest.raises(InvalidInput, match="assignees is "):
        values.assignees(wrong)


@pytest.mark.parametrize(
    ("given_budget", "dollars"), [(None, None), (0, 0.0), (2, 2.0), (0.5, 0.5), (Decimal("1.25"), 1.25)]
)
def test_a_budget_is_dollars_or_none(given_budget, dollars):
    assert values.budget(given_budget) == dollars


@pytest.mark.parametrize("wrong", [-1, -0.01, float("nan"), float("inf"), "5", True, 10**400, []])
def test_what_is_no_budget_is_refused(wrong):
    with pytest.raises(InvalidInput, match=r"^budget_per_day is .*, expected US dollars a day, zero or more"):
        values.budget(wrong)


def test_a_budget_of_minus_zero_is_zero():
    assert str(values.budget(-0.0)) == "0.0"


@pytest.mark.parametrize(
    ("given_limit", "seconds"),
    [
        ("5 minutes", 300),
        ("90 seconds", 90),
        ("1 hour", 3600),
        ("1.5 minutes", 90),
        ("90s", 90),
        (1, 1),
        (2.5, 2.5),
        (timedelta(hours=1), 3600),
    ],
)
def test_a_time_limit_is_a_text_a_timedelta_or_seconds(given_limit, seconds):
    assert values.time_limit(given_limit) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "5",
        "1 day",
        "61 minutes",
        "2 hours",
        0,
        0.5,
        3601,
        -1,
        None,
        True,
        float("nan"),
        1e300,
        timedelta.max,
    ],
)
def test_a_time_limit_is_between_a_second_and_an_hour(wrong):
    with pytest.raises(InvalidInput, match=r"^time_limit is .*, expected 1 second to 1 hour"):
        values.time_limit(wrong)


def test_a_model_is_named_or_left_to_the_store():
    assert values.model(None) is None
    assert values.model(" claude-x ") == "claude-x"
    with pytest.raises(InvalidInput, match=r"^model is"):
        values.model("")


@pytest.mark.parametrize("wrong", [-1, 1.0, "1", None, True, 2**31])
def test_a_position_is_a_whole_number_from_zero(wrong):
    assert values.position(0) == 0
    with pytest.raises(InvalidInput, match=r"^position is .*, expected (a whole number, 0 or more|at most)"):
        values.position(wrong)


def test_a_flag_is_true_or_false_and_nothing_like_it():
    assert values.flag(True, "enabled") is True
    with pytest.raises(InvalidInput, match=r"^enabled is 1, expected True or False"):
        values.flag(1, "enabled")


def test_the_nearest_candidate_is_found_whatever_its_case():
    assert values.nearest("ACMEE", ["default", "Acme"]) == "Acme"
    assert values.nearest("zebra", ["default", "acme"]) is None
    assert values.nearest("acme", []) is None
