"""YAML as plain data that remembers its lines. Stricter than YAML where YAML surprises people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioning.errors import BadInput, Place

Location = tuple[str | int, ...]

_MOST_LEVELS = 20
_NO_ALIAS = "write the value out"
_ONE_KEY_PER_LINE = "write `key: value`, one per line; put text that holds `: ` or ` #` in quotes"


@dataclass(frozen=True)
class YamlDocument:
    """The data, and the line on which each part of it begins."""

    data: Any
    lines: dict[Location, int]

    def line(self, location: Location) -> int | None:
        """The line of the part, or of the nearest part around it."""
        for length in range(len(location), 0, -1):
            if (line := self.lines.get(location[:length])) is not None:
                return line
        return None


def parse_yaml(path: Path, text: str) -> YamlDocument:
    """One document without duplicate keys, aliases or tags of its own."""
    try:
        _refuse_bombs(path, text)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines: dict[Location, int] = {}
        data = None if node is None else _Reading(path, loader, lines).plain(node, ())
        return YamlDocument(data, lines)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"found the character U+{_code_point(error.character):04X}"
        raise BadInput(Place(path, line), found, "remove it; it can't be seen") from None
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(path, error) from None


def _code_point(character: int | str | bytes) -> int:
    return character if isinstance(character, int) else ord(character)


def _refuse_bombs(path: Path, text: str) -> None:
    """Nested aliases fill the memory, and deep nesting takes minutes to read."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        match event:
            case yaml.AliasEvent():
                raise BadInput(Place(path, line), f"found the alias *{event.anchor}", _NO_ALIAS)
            case yaml.CollectionStartEvent():
                depth += 1
            case yaml.CollectionEndEvent():
                depth -= 1
        if depth > _MOST_LEVELS:
            found = f"found more than {_MOST_LEVELS} levels, one inside the other"
            raise BadInput(Place(path, line), found, "write fewer")


def _not_yaml(path: Path, error: yaml.MarkedYAMLError) -> BadInput:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or "something else"
    if "'\\t'" in problem:
        return BadInput(Place(path, line), "found a tab", "indent with spaces")
    if "expected a single document" in (error.context or ""):
        return BadInput(Place(path, line), "found a second document", "remove the line `---`")
    return BadInput(Place(path, line), f"found no YAML here: {problem}", _ONE_KEY_PER_LINE)


@dataclass(frozen=True)
class _Reading:
    """Turns nodes into plain data and notes their lines."""

    path: Path
    loader: yaml.SafeLoader
    lines: dict[Location, int]

    def plain(self, node: yaml.Node, at: Location) -> Any:
        self.lines.setdefault(at, node.start_mark.line + 1)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, at)
            case yaml.SequenceNode():
                return [self.plain(item, (*at, i)) for i, item in enumerate(node.value)]
            case _:
                return self._scalar(node, at)

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadInput(Place(self.path, line), "found a key in brackets", _ONE_KEY_PER_LINE)
            # `yes`, `8000` and `<<` are keys like any other: the model knows which keys exist.
            key = key_node.value
            here = (*at, key)
            if key in result:
                found = f"found the key `{key}` again; it is already in line {self.lines[here]}"
                raise BadInput(Place(self.path, line, dotted(here)), found, "remove one of them")
            self.lines[here] = line
            result[key] = self.plain(value_node, here)
        return result

    def _scalar(self, node: yaml.Node, at: Location) -> Any:
        try:
            return self.loader.construct_object(node)
        except (yaml.constructor.ConstructorError, ValueError, OverflowError, KeyError):
            # A date like 2026-13-45, a number like 0x, a tag like !!python/name.
            place = Place(self.path, node.start_mark.line + 1, dotted(at) or None)
            found = f"found {str(node.value)[:40]!r}, which can't be read"
            write = "write a date as 2026-12-01; put any other text in quotes"
            raise BadInput(place, found, write) from None


def dotted(location: Location) -> str:
    """`("labs", 0, "name")` as a person would say it: `labs[0].name`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
