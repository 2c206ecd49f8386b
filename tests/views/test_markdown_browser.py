"""Markdown drawn in a real browser, on a bare page without any policy: what escapes here would run."""

import json

import pytest

from tests.views.payloads import PAYLOADS
from wsq.views.live.component import resource
from wsq.views.page.markdown import TAGS, tree
from wsq.views.page.scripts import script

HOME = "http://page.example/"
PAGE = """<!doctype html><title>Bare</title><div class="wsq"><div class="md"></div></div>"""
DRAW = """json => {
    const place = document.querySelector(".md");
    place.replaceChildren(drawMarkdown(JSON.parse(json)));
    for (const each of place.querySelectorAll("*")) {
        for (const name of ["click", "mouseover", "focus", "toggle", "load", "error"]) {
            if (name !== "click" || each.tagName !== "A") each.dispatchEvent(new Event(name, { bubbles: true }));
        }
    }
}"""
SEEN = """() => ({
    text: document.querySelector(".md").innerText,
    tags: [...document.querySelectorAll(".md *")].map((each) => each.localName),
    attributes: [...document.querySelectorAll(".md *")].flatMap((each) => [...each.attributes].map((one) => one.name)),
    links: [...document.querySelectorAll(".md a")].map((each) => [each.protocol, each.rel, each.target]),
    broken: window.broken,
    elsewhere: document.querySelectorAll("body > :not(.wsq)").length,
})"""
ATTRIBUTES = {"href", "target", "rel", "start", "data-align", "tabindex", "class", "role", "aria-label"}


class Bare:
    """A page with nothing but the scripts, and what it did that it should not."""

    def __init__(self, page):
        self.page, self.asked, self.dialogs, self.errors = page, [], [], []
        page.route("**/*", self._answer)
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(HOME)
        text = script("page/markdown.js") + "\nwindow.drawMarkdown = drawMarkdown;"
        page.add_script_tag(content=text, type="module")
        page.add_style_tag(content=resource("page/theme.css", "page/markdown.css"))
        page.wait_for_function("window.drawMarkdown")

    def _answer(self, route):
        if route.request.url == HOME:
            route.fulfill(body=PAGE, content_type="text/html")
        else:
            self.asked.append(route.request.url)
            route.abort()

    def draw(self, nodes):
        return self.draw_each([nodes])[0]

    def draw_each(self, trees):
        """What was seen of each; time to do harm have all of them once."""
        seen = [self.page.evaluate(f"json => {{ ({DRAW})(json); return ({SEEN})(); }}", json.dumps(t)) for t in trees]
        self.page.wait_for_timeout(20)
        return [*seen[:-1], self.page.evaluate(SEEN)]


@pytest.fixture(scope="module")
def context(browser):
    with browser.new_context() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(context):
    """One page for all that must leave no trace on it."""
    return Bare(context.new_page())


@pytest.fixture
def bare(shared):
    yield shared
    assert shared.asked == []
    assert shared.dialogs == []
    assert shared.errors == []
    assert shared.page.url == HOME
    assert shared.page.title() == "Bare"


def assert_harmless(seen):
    assert seen["broken"] is None
    assert seen["elsewhere"] == 0
    assert set(seen["tags"]) <= TAGS | {"div"}
    assert set(seen["attributes"]) <= ATTRIBUTES
    for protocol, rel, target in seen["links"]:
        assert protocol in ("http:", "https:", "mailto:")
        assert (rel, target) == ("noopener noreferrer nofollow", "_blank")


def plain(text):
    return " ".join(text.split())


@pytest.mark.parametrize("payload", PAYLOADS, ids=[each.name for each in PAYLOADS])
def test_an_attack_runs_nothing_fetches_nothing_and_can_be_read(bare, payload):
    seen = bare.draw(tree(payload.text))

    assert_harmless(seen)
    assert plain(payload.shows) in plain(seen["text"])


@pytest.mark.parametrize("around", ["> {}", "- {}", "# {}", "**{}**", "|a|\n|-|\n|{}|", "[{}](https://a.example)"])
def test_an_attack_is_as_harmless_inside_other_markdown(bare, around):
    for seen in bare.draw_each([tree(around.replace("{}", payload.text)) for payload in PAYLOADS]):
        assert_harmless(seen)


def test_all_attacks_in_one_document_are_harmless(bare):
    assert_harmless(bare.draw(tree("\n\n".join(each.text for each in PAYLOADS))))
    assert_harmless(bare.draw(tree("".join(each.text for each in PAYLOADS))))


@pytest.mark.parametrize(
    "forged",
    [
        ["script", {}, ["window.broken=1"]],
        ["SCRIPT", {}, ["window.broken=1"]],
        ["img", {"src": "https://evil.example/a.png", "onerror": "window.broken=1"}, []],
        ["iframe", {"src": "javascript:parent.broken=1"}, []],
        ["style", {}, ["@import 'https://evil.example'"]],
        ["p", {"onclick": "window.broken=1", "style": "background:url(https://evil.example)", "id": "x"}, ["seen"]],
        ["a", {"href": "javascript:window.broken=1"}, ["seen"]],
        ["a", {"href": " javascript:window.broken=1"}, ["seen"]],
        ["a", {"href": "java\nscript:window.broken=1"}, ["seen"]],
        ["a", {"href": ["https://a.example"]}, ["seen"]],
        ["a", {"href": "data:text/html,<script>window.broken=1</script>"}, ["seen"]],
        ["a", {"href": "https://a.example", "onclick": "window.broken=1", "target": "_self", "rel": ""}, ["seen"]],
        ["ol", {"start": "1 onclick=x"}, [["li", {}, ["seen"]]]],
        ["td", {"align": 'left" onclick="window.broken=1'}, ["seen"]],
        ["constructor", {}, ["seen"]],
        ["__proto__", {}, ["seen"]],
        ["p", None, ["seen"]],
        ["p", {}, "seen"],
        ["p", {}, [None, 1, True, {"seen": []}, [], ["p"]]],
        ["p", {}, ["seen"], ["more"]],
        {"t": "script", "c": ["seen"]},
        [["script"], {}, ["seen"]],
    ],
    ids=repr,
)
def test_a_forged_tree_is_drawn_as_text_where_it_is_not_known(bare, forged):
    seen = bare.draw([forged, "after"])

    assert_harmless(seen)
    assert seen["text"].rstrip().endswith("after")
    assert "seen" in seen["text"] or "broken" in seen["text"] or "evil" in seen["text"]


def test_a_forged_tree_that_is_too_deep_ends_as_text(bare):
    deep = "treasure"
    for _ in range(200):
        deep = ["blockquote", {}, [deep]]

    seen = bare.draw([deep])

    assert seen["tags"].count("blockquote") == 40
    assert "treasure" in seen["text"]


def test_everything_that_markdown_has_is_drawn_as_what_it_is(bare):
    seen = bare.draw(
        tree(
            "# A\n\n> *b* **c** ~~d~~ `e`  \nf\n\n---\n\n3. g\n\n- h\n\n|i|\n|-:|\n|j|\n\n    k\n\n<https://l.example>"
        )
    )

    assert_harmless(seen)
    assert set(seen["tags"]) >= TAGS - {"bdi", "h5", "h6"}
    assert bare.page.locator(".md ol").get_attribute("start") == "3"
    assert bare.page.locator(".md td").evaluate("cell => getComputedStyle(cell).textAlign") == "right"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_its_place_and_what_scrolls_can_be_reached(bare, scheme):
    wide = "x" * 400
    bare.page.set_viewport_size({"width": 390, "height": 800})
    bare.page.locator(".wsq").evaluate("(root, scheme) => { root.dataset.theme = scheme; }", scheme)

    bare.draw(
        tree(
            f"{wide}\n\n# {wide}\n\n[{wide}](https://a.example/{wide})\n\n    {wide}\n\n"
            + "|a" * 40
            + "|\n"
            + "|-" * 40
            + "|\n"
        )
    )

    assert bare.page.locator(".md").evaluate("place => place.scrollWidth <= place.clientWidth")
    for box in (".md pre", ".md .wide"):
        assert bare.page.locator(box).evaluate("box => box.scrollWidth > box.clientWidth && box.tabIndex === 0")


def test_the_longest_text_that_is_read_is_drawn_at_once(bare):
    bare.draw(tree("- a\n" * 250_000))

    assert bare.page.locator(".md li").count() > 5_000


def test_the_page_would_have_noticed(context):
    page = Bare(context.new_page())

    page.page.evaluate(
        "html => { document.querySelector('.md').innerHTML = html; }",
        '<img src="https://evil.example/a" onerror="window.broken=1;alert(1)">',
    )
    page.page.wait_for_function("window.broken === 1")

    assert (page.asked, page.dialogs) == (["https://evil.example/a"], ["1"])
    page.page.close()
