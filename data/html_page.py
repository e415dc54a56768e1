"""What pages that commands write have in common: one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path


def html_page(title: str, body: Sequence[str], style: Path) -> str:
    """Returns a whole HTML document.

    Args:
        title: plain text.
        body: lines of HTML.
        style: a CSS file with what the page has beyond the common look.
    """
    common = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{common}\n{style.read_text(encoding='utf-8')}</style></head>",
        "<body>",
        *body,
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def fact_list(facts: Mapping[str, str]) -> str:
    """Returns facts by name, plain text, as the list that stands below the title of a page."""
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f'<dl class="facts">{rows}</dl>'
