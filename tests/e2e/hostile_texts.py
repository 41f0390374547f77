"""What a stranger may send to a page; none of it may be more than text.

Each that could run would set ``window.canary``, open a dialog or fetch something.
"""

from __future__ import annotations

RUN = "window.canary=1;alert(1)"
AWAY = "http://127.0.0.1:9/canary"

MARKUP = (
    f"<img src=x onerror={RUN}>",
    f'<img src="{AWAY}" onerror="{RUN}">',
    f"<script>{RUN}</script>",
    f'<script src="{AWAY}.js"></script>',
    f"</p></li></ol><script>{RUN}</script>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f'<svg><a xlink:href="javascript:{RUN}"><text>click</text></a></svg>',
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}>",
    f'<iframe src="javascript:{RUN}"></iframe>',
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f'<object data="data:text/html,<script>{RUN}</script>"></object>',
    f'<embed src="{AWAY}">',
    f'<link rel=stylesheet href="{AWAY}.css">',
    f"<style>@import '{AWAY}.css'; body{{display:none}}</style>",
    f'<base href="{AWAY}/">',
    f'<meta http-equiv=refresh content="0;url={AWAY}">',
    f"<body onload={RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<marquee onstart={RUN}>",
    f'<form action="{AWAY}"><button>send</button></form>',
    f'<button onclick="{RUN}">press</button>',
    f'<div style="background:url({AWAY})">',
    f"<template><script>{RUN}</script></template>",
    f"<x-canary onclick={RUN}></x-canary>",
    f"<!--<img src=--><img src=x onerror={RUN}>-->",
    f"<![CDATA[<script>{RUN}</script>]]>",
    f'<noscript><p title="</noscript><img src=x onerror={RUN}>">',
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<IMG SRC=JaVaScRiPt:{RUN}>",
    f"\"'><img src=x onerror={RUN}>",
    f"&lt;img src=x onerror={RUN}&gt;",
    "&#60;script&#62;window.canary=1&#60;/script&#62;",
)
LINKS = (
    f"javascript:{RUN}",
    f"JAVASCRIPT:{RUN}//http://example.org",
    f"java\tscript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    f"vbscript:{RUN}",
    f"[press](javascript:{RUN})",
    f"![picture]({AWAY}.png)",
    f'https://example.org/"onmouseover="{RUN}',
    f"https://example.org/'><script>{RUN}</script>",
    "http://user:secret@example.org/",
    "https://example.org/\u202egnp.exe",
)
TEMPLATES = (
    "{{constructor.constructor('window.canary=1')()}}",
    "${window.canary=1}",
    "<%= window.canary=1 %>",
    "#{window.canary=1}",
    '{"type":"message","text":"inner"}',
    "__proto__",
    "constructor",
)
CHARACTERS = (
    "null \x00 byte <img src=x onerror=window.canary=1>",
    "controls \x01\x02\x07\x08\x1b[31mred\x1b[0m\x7f\x9b",
    "line\r\nends\u2028and\u2029more",
    "\u202eright to left override\u202c and \u2066isolates\u2069",
    "\u2067never closed \u202e\u202b",
    "\ufeffmark \u200b\u200d zero \ufffe\uffff",
    "Z" + "\u0310\u0316\u0324\u0341\u0362" * 200 + "algo",
    "\U000e0001\U000e0041 tags \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "  spaces \t tabs \n\n\n lines  ",
    "W" * 5_000,
    "\n" * 900,
    "<" * 20_000,
    "a b " * 8_000,
)
HOSTILE_TEXTS = MARKUP + LINKS + TEMPLATES + CHARACTERS
