"""What a browser shows while a preview wakes: a page that turns into the preview by itself."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final

from kubepreview.core.gatekeeping import STATE_PATH
from kubepreview.core.gateway import STATE_HEADER, Sleeper

# Looks every second. An answer without our header is the preview's own. One that still sleeps after a while
# was not woken, because too many were; to load the page again asks again.
_SCRIPT: Final = f"""
let looks = 0;
async function look() {{
  try {{
    const answer = await fetch("{STATE_PATH}", {{cache: "no-store"}});
    const state = answer.headers.get("{STATE_HEADER}");
    if (state === null || state === "Awake" || (state === "Asleep" && ++looks > 5)) {{
      location.reload();
      return;
    }}
    const told = await answer.json();
    if (told.message) document.getElementById("told").textContent = told.message;
  }} catch {{ }}
  setTimeout(look, 1000);
}}
setTimeout(look, 1000);
"""
_STYLE: Final = """
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif; }
body { display: grid; place-content: center; min-height: 90vh; margin: 0 1rem; text-align: center; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
"""


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


# Nothing but these two texts runs or paints, whatever stands in the page.
POLICY: Final = (
    f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def page(sleeper: Sleeper, wait_s: float) -> str:
    """The page; `wait_s`: after how many seconds it may be woken, where too many are."""
    host = escape(sleeper.host)
    title, told = f"{host} is waking up", "This page turns into it by itself."
    if sleeper.state == "Failed":
        title, told = f"{host} does not wake", escape(sleeper.message)
    elif wait_s:
        told = f"Many previews are waking at the moment; this one is next in {wait_s:.0f} s."
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<noscript><meta http-equiv="refresh" content="3"></noscript>
<style>{_STYLE}</style>
</head>
<body>
<main role="status"><h1>{title}</h1><p id="told">{told}</p></main>
<script>{_SCRIPT}</script>
</body>
</html>
"""
