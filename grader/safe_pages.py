"""What an attendee wrote must not act in the browser of whoever reads it.

The formgrader and the feedback show notebooks as HTML. Markdown may hold HTML, and a cell may
print it: shown as it is, a script in it would mark its author's work with the instructor's rights.
nbconvert's own `sanitize_html` lets attributes through, so both are cut to an allow-list here.
"""

from __future__ import annotations

import re
from typing import Any

import bleach  # type: ignore[import-untyped]
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat.notebooknode import NotebookNode

#: Text, and pictures that can hold no script.
_SHOWN = frozenset({"text/plain", "text/html", "text/latex", "image/png", "image/jpeg"})
_TAGS = frozenset(
    {"a", "b", "blockquote", "br", "code", "del", "div", "em", "hr", "i", "img", "kbd", "p", "pre"}
    | {"s", "small", "span", "strong", "sub", "sup", "u", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"dd", "dl", "dt", "li", "ol", "ul", "details", "summary"}
    | {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*")
#: The classes of coloured code; the formgrader's script finds its own elements by class and id.
_COLOURED = re.compile(r"highlight|[a-z][a-z0-9]{0,2}")
_PROTOCOLS = frozenset({"http", "https", "mailto", "data"})


class SafePages(Preprocessor):
    """Leaves of each output what `clean` lets through; the stored notebook stays as it is."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        nb.metadata.pop("widgets", None)
        for cell in nb.cells:
            # Tags become classes.
            cell.metadata.pop("tags", None)
            cell.pop("attachments", None)
            for output in cell.get("outputs", []):
                _make_safe(output)
        return nb, resources


def _make_safe(output: NotebookNode) -> None:
    if "data" not in output:
        return
    # Width and height of a picture would stand in its tag as they are.
    output.metadata.clear()
    for kind in set(output.data) - _SHOWN:
        del output.data[kind]
    if "text/html" in output.data:
        output.data["text/html"] = clean(_text(output.data["text/html"]))


def markdown2html(source: str) -> str:
    """The filter of this name in nbconvert's templates."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return clean(MarkdownWithMath(renderer=renderer).render(source))


def clean(html: str) -> str:
    """The HTML without anything that acts, loads or pretends to be part of the page."""
    return str(
        bleach.clean(html, tags=_TAGS, attributes=_allowed, protocols=_PROTOCOLS, strip=True)
    )


def _allowed(tag: str, name: str, value: str) -> bool:
    match tag, name:
        case "img", "src":
            return _PICTURE.fullmatch(value) is not None
        case "a", "href":
            return re.match(r"https?://|mailto:|#", value) is not None
        case ("img", "alt") | ("td" | "th", "colspan" | "rowspan"):
            return True
        case (("div" | "span" | "pre"), "class"):
            return _COLOURED.fullmatch(value) is not None
    return False


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
