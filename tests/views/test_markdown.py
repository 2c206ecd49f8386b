import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.views.payloads import PAYLOADS
from wsq.views.page.markdown import DEPTH, LIMIT, OPEN, TAGS, Element, is_safe, tree
from wsq.views.page.markdown import MARKS as MOST_MARKS

MARKS = st.sampled_from([
    "*", "**", "_", "~~", "`", "``", "[", "]", "(", ")", "![", "](", "<", ">", "&", "&#", ";", "\\", "|", "\n", "\n\n",
    "> ", "- ", "1. ", "# ", "---", "```", "    ", "\t", ":", "://", "http", "https://a.b", "javascript:", "[a]: ", "a",
    "@", "mailto:", "//", "xn--", '"', "'", "é", "\u202e", "😀", "\0", "\ud800", "[x] ", "|-|\n", "%", "%zz", "\r",
    "\x85",
])  # fmt: skip
ANY_TEXT = st.text(st.characters()) | st.lists(MARKS, max_size=60).map("".join)


def elements(nodes, depth=1):
    for node in nodes:
        if isinstance(node, Element):
            yield depth, node
            yield from elements(node.children, depth + 1)


def words(nodes):
    return "".join(node if isinstance(node, str) else words(node.children) for node in nodes)


def p(*children):
    return ("p", {}, list(children))


@given(ANY_TEXT)
@example("http:")
@example("[a]:\n[a][")
def test_any_text_becomes_a_bounded_tree_of_known_tags_that_survives_json(text):
    nodes = tree(text)

    assert json.loads(json.dumps(nodes)) == json.loads(json.dumps(nodes, ensure_ascii=False).encode())
    for depth, element in elements(nodes):
        assert element.tag in TAGS
        assert depth <= OPEN + 2
        assert set(element.attributes) <= {"a": {"href"}, "ol": {"start"}, "th": {"align"}, "td": {"align"}}.get(
            element.tag, set()
        )
        if element.tag == "a":
            assert is_safe(element.attributes["href"])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")))
def test_code_stands_as_it_was_written(code):
    [(_, pre), (_, inside)] = elements(tree("~~~~~~\n" + code.replace("~", "-") + "\n~~~~~~"))

    assert (pre.tag, inside.tag, words([inside])) == ("pre", "code", code.replace("~", "-"))


@pytest.mark.parametrize("payload", PAYLOADS, ids=[each.name for each in PAYLOADS])
def test_an_attack_is_words_that_can_be_read(payload):
    nodes = tree(payload.text)

    assert payload.shows in words(nodes)
    assert all(is_safe(element.attributes["href"]) for _, element in elements(nodes) if element.tag == "a")


def test_the_blocks_of_commonmark_are_there_and_headings_stay_below_those_of_the_page():
    nodes = tree("# A\n## B\n### C\n###### D\n\nE\n\n> F\n\n---\n\n    G\n\n3. H\n4. I\n")

    assert nodes == [
        ("h4", {}, ["A"]), ("h5", {}, ["B"]), ("h6", {}, ["C"]), ("h6", {}, ["D"]), p("E"),
        ("blockquote", {}, [p("F")]), ("hr", {}, []), ("pre", {}, [("code", {}, ["G"])]),
        ("ol", {"start": 3}, [("li", {}, ["H"]), ("li", {}, ["I"])]),
    ]  # fmt: skip


def test_words_are_emphasised_struck_out_and_broken():
    assert tree("*a* **b** ~~c~~ `d`\ne  \nf") == [
        p(
            ("em", {}, ["a"]), " ", ("strong", {}, ["b"]), " ", ("s", {}, ["c"]), " ", ("code", {}, ["d"]), "\ne",
            ("br", {}, []), "f",
        )
    ]  # fmt: skip


def test_a_table_keeps_the_sides_of_its_columns():
    [(tag, _, (head, body))] = tree("|a|b|c|d|\n|-|:-|:-:|-:|\n|1|2|3|4|")

    sides = [{}, {"align": "left"}, {"align": "center"}, {"align": "right"}]
    assert tag == "table"
    assert head == ("thead", {}, [("tr", {}, [("th", side, [each]) for side, each in zip(sides, "abcd", strict=True)])])
    assert body == ("tbody", {}, [("tr", {}, [("td", side, [each]) for side, each in zip(sides, "1234", strict=True)])])


def test_the_boxes_of_a_list_of_tasks_are_shown():
    assert tree("- [ ] a\n- [x] b\n- [X] *c*\n- [x]d\n\n[ ] e") == [
        ("ul", {}, [
            ("li", {}, ["☐ a"]), ("li", {}, ["☑ b"]), ("li", {}, ["☑ ", ("em", {}, ["c"])]), ("li", {}, ["[x]d"]),
        ]),
        p("[ ] e"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["https://a.example/b", "<https://a.example/b>", "[https://a.example/b](https://a.example/b)"]
)
def test_a_link_whose_words_are_its_address_says_it_once(text):
    assert tree(text) == [p(("a", {"href": "https://a.example/b"}, ["https://a.example/b"]))]


def test_a_link_with_other_words_says_its_address_after_them():
    assert tree("[the *bank*](https://a.example)") == [
        p(
            ("a", {"href": "https://a.example"}, ["the ", ("em", {}, ["bank"])]),
            " ",
            ("bdi", {}, ["(https://a.example)"]),
        )
    ]
    assert tree("<ada@a.example>") == [p(("a", {"href": "mailto:ada@a.example"}, ["ada@a.example"]))]


def test_a_link_without_words_shows_its_address_whatever_it_leads_to():
    assert tree("[](https://a.example)") == [p(("a", {"href": "https://a.example"}, ["https://a.example"]))]
    assert words(tree("[](javascript:a)")).strip() == "(javascript:a)"


def test_a_host_that_only_looks_like_another_is_shown_as_what_it_is():
    assert words(tree("<https://exämple.com>")) == "https://exämple.com (https://xn--exmple-cua.com)"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("See https://a.example/b_c_*d*.", "https://a.example/b_c_*d"),
        ("(https://a.example/b_(c))", "https://a.example/b_(c)"),
        ("**https://a.example**", "https://a.example"),
        ("HTTP://A.example?x=1&copy=2!", "HTTP://A.example?x=1&copy=2"),
        ('"https://a.example"', "https://a.example"),
    ],
)
def test_a_bare_address_is_a_link_without_the_punctuation_around_it(text, address):
    found = [words(element.children) for _, element in elements(tree(text)) if element.tag == "a"]

    assert found == [address]


@pytest.mark.parametrize(
    "text", ["xhttps://a.example", "https:", "https://", "ftp://a.example", "www.a.example", "`https://a.example`"]
)
def test_what_is_no_bare_address_is_left_alone(text):
    assert words(tree(text)) == text.strip("`")
    assert all(element.tag != "a" for _, element in elements(tree(text)))


@pytest.mark.parametrize(
    "address",
    [
        "http://", "http:///a", "https:a", r"https:\\a", "https://é.example", "https://a.example/\n", " https://a.example",
        "javascript:a", "data:a", "//a.example", "/a", "", "mailto:", "ftp://a.example", "https://?a", "https://a b",
    ],
)  # fmt: skip
def test_only_a_plain_address_of_the_web_or_of_mail_is_safe(address):
    assert not is_safe(address)
    assert is_safe("https://a.example")
    assert is_safe("HTTP://[::1]/a")
    assert is_safe("mailto:ada@a.example")


@pytest.mark.parametrize("mark", ["> ", "- ", "1. "])
def test_what_is_nested_too_deep_is_shown_as_it_was_written(mark):
    nodes = tree(mark * 60 + "treasure *here*")

    assert words(nodes).endswith(mark + "treasure *here*")
    assert max(depth for depth, _ in elements(nodes)) <= DEPTH + 2


def test_emphasis_nested_too_deep_leaves_its_words():
    nodes = tree("*a **b " * 200 + "c" + "** *" * 200)

    assert "a " in words(nodes)
    assert max(depth for depth, _ in elements(nodes)) <= OPEN + 1


def test_a_long_text_is_cut_at_the_end_of_a_line_and_says_so():
    nodes = tree("one\n\ntwo three\n", limit=10)

    assert nodes == [p("one"), p(("em", {}, ["Cut off: 10 of 15 characters are not shown."]))]
    assert words(tree("x" * 20, limit=10)).startswith("x" * 10 + "Cut off: 10 of 20")
    assert words(tree("x" * 10, limit=10)) == "x" * 10


def test_an_address_that_is_referred_to_over_and_over_does_not_fill_the_page():
    nodes = tree("[a]: http://b/" + "c" * 10_000 + "\n\n" + "[a] ![a] " * 3_000)

    assert len(json.dumps(nodes)) < 40 * 40_000
    assert "too long to repeat" in words(nodes)


def test_tables_that_would_fill_the_page_with_empty_cells_stay_as_they_were_written():
    wide = "|" + "a|" * 2_000 + "\n|" + "-|" * 2_000 + "\n" + "|\n" * 2_000

    nodes = tree(wide + "\n" + wide)

    assert sum(element.tag in ("td", "th") for _, element in elements(nodes)) <= 8_000
    assert "|a|a|" in words(nodes)


def test_a_text_with_too_much_markup_is_shown_as_written_from_there_on():
    line = "*a* **b** `c`\n"
    text = line * (LIMIT // len(line))

    *parsed, (tag, _, [(_, _, [rest])]) = tree(text)

    marks = 9
    assert tag == "pre"
    assert rest == text[-len(rest) :]
    assert len(rest) == len(text) - MOST_MARKS // marks * len(line)
    assert "*" not in words(parsed)


def test_quotes_after_too_many_are_shown_as_written():
    nodes = tree("> -\na\n" * 3_000)

    quotes = [element for _, element in elements(nodes) if element.tag == "blockquote"]
    assert 0 < len(quotes) < 3_000
    assert "> -" in words(nodes[-1:])


def test_many_threads_may_read_at_once():
    text = "\n\n".join(each.text for each in PAYLOADS)

    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(tree, [text] * 16))

    assert all(each == trees[0] for each in trees)


def _filled(piece):
    return piece * (1_000_000 // len(piece))


HARD = {
    **{
        piece: _filled(piece)
        for piece in ("[", "![", "[a](", "[a][", "*", "*a_ ", "**a *b ", "`", "a`` `b", "<", "<a ")
    },
    **{piece: _filled(piece) for piece in ("> ", ">", "- ", "# a\n", "- a\n", "a|b\n-|-\n", "[a]: b 'c\n", "&#", "\\")},
    **{
        piece: _filled(piece) for piece in ("http://", "https://a.b/) ", "x@y.z ", "<!--", "a\n", "```\n", "~~a ", "\n")
    },
    "brackets in brackets": _filled("![" * 24 + "a" + "](b)" * 24 + " "),
    "backticks that grow": "".join("e" + "`" * each for each in range(1_400)),
    "quotes that grow": "".join("> " * each + "a\n" for each in range(1_000)),
    "lists that grow": "".join("  " * each + "- a\n" for each in range(1_000)),
    "lists in quotes": _filled("> -\na\n"),
    "headings in quotes": ")*" + _filled("\n> =\n](]:") + "(1. ",
    "a table that is wide": "|" + "a|" * 8_000 + "\n|" + "-|" * 8_000 + "\n" + "|\n" * 9_000,
    "one address, referred to": "[a]: http://" + "x" * (LIMIT // 2) + "\n\n" + "[a]" * 300_000,
    "brackets around an address": "http://a" + ")" * 1_000_000,
}


@pytest.fixture(scope="module")
def usual():
    """Seconds that a text takes which nobody made to be hard, as long as is read of any."""
    line = "The *quick* brown fox `jumps` over [the dog](https://dog.example/x), and **sleeps**.\n- one\n- two\n\n"
    return min(_seconds(_filled(line)) for _ in range(3))


@pytest.mark.parametrize("text", HARD.values(), ids=[repr(each)[:24] for each in HARD])
def test_a_million_characters_made_to_be_hard_take_a_few_times_as_long_as_others(text, usual):
    # What grows with the square takes hundreds of times as long; a few times are what the parser's nesting costs.
    assert any(_seconds(text) < 20 * usual for _ in range(2))


def _seconds(text):
    began = time.thread_time()  # this thread's own work: what else the machine does is hardly counted
    tree(text)
    return time.thread_time() - began
