"""How soon a page must show what happens: strict in the long ring, where such a test has the machine alone.

In the others it is shown without haste, beside other tests; these prove that it shows at all, and by itself.
"""

import pytest

from tests.browsing import PATIENCE
from tests.rings import count

strictly = count(few=lambda test: test, many=pytest.mark.alone)
"""Marks a test that has limits."""


def within(milliseconds: int) -> int:
    """A limit, as Playwright's time-out."""
    return count(few=PATIENCE, many=milliseconds)
