"""The public API: `open`, `Workspace` and `Store`.

Every call blocks until it is done and needs no free event loop. A command that fails raises a `WsqError` whose one
sentence says what was wrong, and writes nothing.
"""

from wsq.api.past import PastStore
from wsq.api.questions import Questions
from wsq.api.store import Store
from wsq.api.workspace import Workspace, open  # noqa: A004 - `wsq.open` is its name

__all__ = ["PastStore", "Questions", "Store", "Workspace", "open"]
