"""What axe-core has against a page, in light and in dark."""

import json

from axe_playwright_python.base import AXE_SCRIPT

EVERYTHING = {"resultTypes": ["violations"]}
COLOURS = {**EVERYTHING, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""Nothing else of a page depends on its scheme."""


def serious(page):
    """What is serious or worse, each as one sentence; the page is as it was afterwards.

    It is looked at without motion, as one may ask of it: what fades in has its colours at once then.
    """
    if page.evaluate("() => !window.axe"):
        page.evaluate(AXE_SCRIPT)
    found = []
    for scheme, options in (("light", EVERYTHING), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_function(f"() => document.documentElement.dataset.theme === '{scheme}'")
        violations = page.evaluate(f"() => axe.run({json.dumps(options)})")["violations"]
        found += [
            f"{scheme}: {each['id']}: {each['help']}: {[node['target'] for node in each['nodes']][:4]}"
            for each in violations
            if each["impact"] in ("serious", "critical")
        ]
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    return found
