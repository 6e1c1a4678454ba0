"""Whether what a lab points to is there: links, pictures, data files. Nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from grader.notebooks import data_files
from grader.proof.lab import Lab

_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_TAG = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_BARE = re.compile(r"(?<![(<\"'\w])https?://[^\s)>\]\"']+")
_DATA = re.compile(r"[\"'`]\.?/?(data/[\w./-]*\w)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_WEB = ("http", "https")


def broken_links(lab: Lab) -> Iterator[str]:
    """A sentence for each target that an attendee would not find."""
    given = {str(file) for file in data_files(lab.folder)}
    folders = {str(parent) for file in data_files(lab.folder) for parent in file.parents}
    headings = {_anchor(text) for text in _headings(lab)}
    for number, cell in enumerate(lab.notebook.cells, 1):
        where = f"cell {number}"
        if cell.cell_type == "markdown":
            for target in _targets(cell.source):
                if fault := _fault(target, given, headings):
                    yield f"{where} links to {target}: {fault}"
        for name in _DATA.findall(cell.source):
            if name not in given | folders:
                yield f"{where} names {name}, which attendees don't get"


def _targets(markdown: str) -> Iterator[str]:
    text = _CODE.sub("", markdown)
    yield from _LINK.findall(text)
    yield from _TAG.findall(text)
    yield from (found.rstrip(".,;:") for found in _BARE.findall(text))


def _fault(target: str, given: set[str], headings: set[str]) -> str:
    parts = urlsplit(target)
    if parts.scheme in _WEB:
        return "" if "." in parts.netloc or parts.hostname == "localhost" else "that is no address"
    if parts.scheme in ("mailto", "data", "attachment"):
        return ""
    if parts.scheme:
        return f"what is {parts.scheme}:?"
    if not parts.path:
        return "" if unquote(parts.fragment) in headings else "no heading has this name"
    return (
        "" if unquote(parts.path).removeprefix("./") in given else "attendees don't get that file"
    )


def _headings(lab: Lab) -> Iterator[str]:
    for cell in lab.notebook.cells:
        if cell.cell_type == "markdown":
            yield from re.findall(r"^#{1,6}\s+(.+?)\s*#*$", cell.source, flags=re.MULTILINE)


def _anchor(heading: str) -> str:
    """As JupyterLab names it."""
    return heading.replace(" ", "-")
