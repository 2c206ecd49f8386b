"""Links to our own pages: relative, since a proxy may serve us below a path of its own that it does not report."""

from __future__ import annotations


def relative(path: str, url: str) -> str:
    """Return a URL of ours, which begins with ``/``, as a reference relative to a request's path.

    It always begins with a dot, so that nothing in it can be taken for a scheme or a host. Other URLs are unchanged.
    """
    if not url.startswith("/"):
        return url
    return ("../" * (path.count("/") - 1) or "./") + url[1:]
