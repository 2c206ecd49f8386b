"""Pages that are plain HTML: the login, and what stands for a page that is not there."""

from __future__ import annotations

from tornado.escape import xhtml_escape
from tornado.httputil import HTTPServerRequest

from wsq.views.auth.redirects import relative
from wsq.views.live.component import resource
from wsq.views.page.policy import nonce_of

_FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title} · wsq</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{icon}">
<style>{css}</style>
</head>
<body class="wsq">
<script nonce="{nonce}">
  let chosen = null;
  try {{ chosen = localStorage.getItem("wsq-theme"); }} catch {{ /* use the system's theme */ }}
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {{
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.theme = document.body.dataset.theme = dark ? "dark" : "light";
  }};
  apply();
  system.addEventListener("change", apply);
</script>
<main>
<p class="brand">wsq</p>
<section class="plain">
<h1>{title}</h1>
{content}
</section>
</main>
</body>
</html>
"""


def plain_page(request: HTTPServerRequest, title: str, content: str) -> str:
    """Return a page with a heading and its content, which is HTML."""
    return _FRAME.format(
        icon=relative(request.path, "/favicon.ico"),
        css=resource("page/theme.css", "auth/plain.css"),
        nonce=nonce_of(request),
        title=xhtml_escape(title),
        content=content,
    )
