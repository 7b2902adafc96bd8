"""User agents behind which nobody waits: they neither wake a preview nor keep it awake.

Matched as words within the user agent, whatever their case. A project adds its own (`passiveAgents`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Asked by the product itself.
OWN: Final = ("kubepreview-probe/",)
# By the crawlers' own documentation; "bot", "crawler" and "spider" are the words that most others use.
CRAWLERS: Final = (
    "googlebot",
    "bingbot",
    "applebot",
    "yandex",
    "baiduspider",
    "duckduckbot",
    "gptbot",
    "claudebot",
    "ccbot",
    "amazonbot",
    "ahrefsbot",
    "semrushbot",
    "bot/",
    "bot;",
    "crawler",
    "spider",
)
# Show a preview of a link in a chat or a post.
UNFURLERS: Final = (
    "slackbot",
    "slack-imgproxy",
    "discordbot",
    "twitterbot",
    "linkedinbot",
    "facebookexternalhit",
    "whatsapp",
    "telegrambot",
    "microsoftpreview",
    "skypeuripreview",
    "github-camo",
    "embedly",
    "iframely",
    "notionembedder",
)
# Look whether something answers, for as long as it exists.
MONITORS: Final = (
    "uptimerobot",
    "pingdom",
    "statuscake",
    "better uptime",
    "betterstack",
    "site24x7",
    "datadog/synthetics",
    "datadogsynthetics",
    "newrelicpinger",
    "updown.io",
    "freshping",
    "hetrixtools",
    "uptime-kuma",
    "blackbox exporter",
    "blackbox_exporter",
    "googlestackdrivermonitoring",
    "amazon-route53-health-check",
    "elb-healthchecker",
    "kube-probe/",
    "nagios",
    "check_http",
    "prometheus/",
)

_KNOWN: Final = (*OWN, *CRAWLERS, *UNFURLERS, *MONITORS)


def is_passive(user_agent: str, more: Sequence[str] = ()) -> bool:
    """Whether nobody waits behind this agent."""
    words = user_agent.lower()
    return any(known in words for known in _KNOWN) or any(each.lower() in words for each in more)
