"""Which files the page of JupyterLab makes a browser load: pure, from the page's own text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

#: webpack's way to name a file: (5448===e?"jlab_core":e)+"."+({1014:"073326ef5d98db5e",...})[e]
_NAMED_CHUNK = re.compile(r'\((\d+)===\w+\?"([\w-]+)":\w+\)\+"\."\+\((\{[^}]*\})\)')


class _Page(HTMLParser):
    """Scripts and styles in the order of the page, and JupyterLab's configuration."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[str] = []
        self.configuration = ""
        self._in_configuration = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "script" and found.get("src"):
            self.files.append(str(found["src"]))
        elif tag == "link" and found.get("rel") == "stylesheet" and found.get("href"):
            self.files.append(str(found["href"]))
        self._in_configuration = tag == "script" and found.get("id") == "jupyter-config-data"

    def handle_data(self, data: str) -> None:
        if self._in_configuration:
            self.configuration += data

    def handle_endtag(self, tag: str) -> None:
        self._in_configuration = False


def files_of(page: str, address: str) -> tuple[str, ...]:
    """What the page names, and the entries of the extensions that it lists."""
    parser = _Page()
    parser.feed(page)
    wanted = [*parser.files, *_extensions(parser.configuration)]
    return tuple(dict.fromkeys(urljoin(address, each) for each in wanted))


def _extensions(configuration: str) -> Iterator[str]:
    if not configuration:
        return
    facts: dict[str, Any] = json.loads(configuration)
    base = facts.get("fullLabextensionsUrl", "")
    for each in facts.get("federated_extensions", []):
        if base and each.get("load"):
            yield f"{base}/{each['name']}/{each['load']}"


def core_of(script: str, address: str) -> tuple[str, ...]:
    """The files that JupyterLab's first script names and loads before anything is seen.

    `address` is the script's own. Empty when it is no script of that kind.
    """
    found = []
    for number, name, table in _NAMED_CHUNK.findall(script):
        if known := re.search(rf'\b{number}:"([0-9a-f]+)"', table):
            mark = known.group(1)
            found.append(urljoin(address, f"{name}.{mark}.js?v={mark}"))
    return tuple(dict.fromkeys(found))


def is_first_script(address: str) -> bool:
    """Whether `core_of` has something to find in it."""
    return urlsplit(address).path.rpartition("/")[2].startswith("main.")
