"""What pages may run and connect to, in a real browser."""

from __future__ import annotations

import re
import urllib.request

import pytest
from playwright.sync_api import expect

from wsq.views.server.pages import TITLES

INJECT = """async () => {
  const refused = [];
  addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
  const script = document.createElement("script");
  script.textContent = "window.ran = 'script'";
  document.body.append(script);
  const box = document.createElement("div");
  box.innerHTML = `<button onclick="window.ran = 'attribute'">x</button>
    <a href="javascript:window.ran = 'link'">x</a>`;
  document.body.append(box);
  for (const each of box.children) each.click();
  try { new WebSocket("ws://127.0.0.1:9/"); } catch { /* refused at once */ }
  await fetch("http://127.0.0.1:9/").catch(() => null);
  await new Promise((resolve) => setTimeout(resolve, 200));
  box.remove();
  return { ran: window.ran ?? null, refused: refused.sort() };
}"""
"""Injects what says so when it runs, and connects to a host that is not ours."""


@pytest.mark.parametrize("path", ["board", "statistics"])
def test_an_injected_script_does_not_run_and_nothing_goes_to_other_hosts(window, served, path):
    window.goto(f"{served}/{path}")
    expect(window.locator(".wsq header").first).to_be_visible()

    seen = window.evaluate(INJECT)

    assert seen["ran"] is None
    assert seen["refused"] == ["connect-src", "connect-src", "script-src-attr", "script-src-elem", "script-src-elem"]


def test_each_response_has_a_nonce_of_its_own_that_its_inline_scripts_have_and_no_other(served):
    nonces = set()
    for path in TITLES:
        with urllib.request.urlopen(f"{served}/{path}") as answer:
            policy, html = answer.headers["Content-Security-Policy"], answer.read().decode()
        [nonce] = re.findall(r"script-src 'self' 'nonce-([\w-]{20,})' blob:;", policy)
        nonces.add(nonce)
        inline = [tag for tag in re.findall(r"<script[^>]*>", html) if "src=" not in tag and "json" not in tag]
        assert len(inline) >= 3
        assert all(f'nonce="{nonce}"' in tag for tag in inline)
        host = served.removeprefix("http://")
        assert f"connect-src 'self' blob: ws://{host} wss://{host};" in policy
    assert len(nonces) == len(TITLES)
