"""The facts: what can happen in a workspace, and how it is written down.

An event's stored name and version are literals. A change of shape is a new class with a new version
and a pure function from the old to the new (`wsq.events.codec.UPCASTS`). In updates, a field that is
absent keeps its value and ``None`` clears it.
"""

from wsq.events.base import Fact, Recorded
from wsq.events.codec import FACTS, decode, encode, encode_readable, known_names

__all__ = ["FACTS", "Fact", "Recorded", "decode", "encode", "encode_readable", "known_names"]
