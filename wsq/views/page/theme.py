"""The HTML document around a page: shows its outline before it loads scripts, and loads no external fonts.

Bokeh and Panel cannot give their inline scripts a nonce, so it is added here, to what they have rendered and to nothing
else. Panel 1.10 has a loader with inline scripts of its own, which is left out: the page says itself why it cannot be
opened.
"""

from __future__ import annotations

from panel.io.resources import parse_template

from wsq.views.page.scripts import inline

TEMPLATE = parse_template("""\
{% extends base %}
{% set signed = '<script nonce="' ~ (nonce | default("")) ~ '"' %}
{% set plot_script = plot_script | replace("<script", signed) %}
{% block inner_head %}
<meta charset="utf-8">
<title>{{ title | e }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{{ app_favicon }}">
<script nonce="{{ nonce | default('') }}">
  document.documentElement.classList.add("scripted");
  try {
    const chosen = localStorage.getItem("wsq-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* without storage, the system's theme applies */ }
{{ unopened }}
</script>
<style>
  :root { color-scheme: light; background: #f4f5f7; }
  :root[data-theme="dark"] { color-scheme: dark; background: #0e1014; }
  @media (prefers-color-scheme: dark) {
    :root:not([data-theme="light"]) { color-scheme: dark; background: #0e1014; }
  }
  html, body { height: 100%; margin: 0; overflow: hidden; }
  .unopened { max-width: 40rem; margin: 0 auto; padding: 4rem 1rem; font: 16px/1.5 system-ui, sans-serif; }
  .unopened { color: CanvasText; overflow-wrap: anywhere; }
  .skeleton { position: fixed; inset: 0; padding: 0 16px; }
  .skeleton { display: grid; grid: 46px 1fr / 2.1fr repeat(4, 1fr); gap: 0 12px; }
  .skeleton > * { background: color-mix(in srgb, CanvasText 5%, transparent); border-radius: 9px; margin: 14px 0; }
  .skeleton > :first-child { grid-column: 1 / -1; margin: 0 -16px; border-radius: 0; }
  .scripted .unscripted, :root:not(.scripted) .skeleton { display: none; }
  @media (max-width: 768px) { .skeleton { grid: 100px 1fr / 1fr; } .skeleton > :nth-child(n + 3) { display: none; } }
</style>
{{ bokeh_css }}
{% endblock %}
{% block loader %}{% endblock %}
{% block connection_script %}{% endblock %}
{% block loader_script %}{% endblock %}
{% block inner_body %}
<p class="unopened unscripted">wsq needs JavaScript. Allow scripts for this page, then open it again.</p>
<div class="skeleton" aria-hidden="true"><i></i><i></i><i></i><i></i><i></i><i></i></div>
{{ bokeh_js | replace("<script", signed) }}
{{ super() }}
{% endblock %}
""")
TEMPLATE.globals["unopened"] = inline("page/unopened.js")
