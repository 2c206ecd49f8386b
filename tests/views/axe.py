"""What axe-core has against a page, in light and in dark."""

from axe_playwright_python.base import AXE_SCRIPT

EVERYTHING = {"resultTypes": ["violations"], "preload": False, "iframes": False}
COLOURS = {**EVERYTHING, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""Nothing else of a page depends on its scheme."""
RUN = "(part, options) => axe.run(part === document.documentElement ? document : part, options)"


def serious(page, part=None):
    """What is serious or worse in a part of the page, or in all of it, each as one sentence.

    The page is as it was afterwards. It is looked at without motion, for what fades in has its colours at once then.
    """
    if page.evaluate("() => !window.axe"):
        page.evaluate(AXE_SCRIPT)
    found = []
    for scheme, options in (("light", EVERYTHING), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"() => document.documentElement.dataset.theme === '{scheme}'")
        violations = (part or page.locator(":root")).evaluate(RUN, options)["violations"]
        found += [
            f"{scheme}: {each['id']}: {each['help']}: {[node['target'] for node in each['nodes']][:4]}"
            for each in violations
            if each["impact"] in ("serious", "critical")
        ]
    page.emulate_media(color_scheme="light")
    return found
