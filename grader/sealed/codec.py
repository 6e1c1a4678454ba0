"""How values become JSON and raw blocks, and back. What a value may be stands in `values`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

MOST_NODES = 2_000_000
MOST_DEPTH = 60

Writer = Callable[["Encoder", Any, int], Any]
Reader = Callable[["Decoder", list[Any], int], Any]

#: How to write a value, by its exact type. Filled by `values`.
WRITERS: dict[type, Writer] = {}
#: How to write a value whose exact type is not among them: None leaves it to the caller.
WRITERS_OF_SUBCLASSES: list[Callable[[Any], Writer | None]] = []
#: How to read a value, by its tag. Filled by `values`.
READERS: dict[str, Reader] = {}


class BadValueError(ValueError):
    """The value can't cross, or what arrived is not a value."""


class Encoder:
    """Turns one message's values into JSON; collects its blocks."""

    def __init__(self, refer: Callable[[Any], list[Any]]) -> None:
        self.blocks: list[bytes] = []
        self._refer = refer
        self._nodes = 0

    def encode(self, value: Any, depth: int = 0) -> Any:
        """The value as JSON. Raises BadValueError when it is too large or too deep."""
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > MOST_DEPTH:
            raise BadValueError("the value is too large or too deeply nested")
        kind = type(value)
        if kind in (type(None), bool, str, float):
            return value
        writer = WRITERS.get(kind) or _writer_of_subclass(value)
        if writer is not None:
            written = writer(self, value, depth + 1)
            if written is not None:
                return written
        return self._refer(value)

    def block(self, data: bytes) -> int:
        """Add a block; its number."""
        self.blocks.append(data)
        return len(self.blocks) - 1

    def items(self, values: Iterable[Any], depth: int) -> list[Any]:
        """Each value as JSON."""
        return [self.encode(value, depth) for value in values]


class Decoder:
    """Turns one message's JSON and blocks back into values."""

    def __init__(self, blocks: list[bytes], resolve: Callable[[list[Any]], Any]) -> None:
        self._blocks = blocks
        self._resolve = resolve
        self._nodes = 0

    def decode(self, data: Any, depth: int = 0) -> Any:
        """The value. Raises BadValueError for anything that an Encoder does not write."""
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > MOST_DEPTH:
            raise BadValueError("the value is too large or too deeply nested")
        if data is None or isinstance(data, (bool, int, float, str)):
            return data
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise BadValueError("not a value")
        reader = READERS.get(data[0])
        if reader is None:
            return self._resolve(data)
        try:
            return reader(self, data[1:], depth + 1)
        except BadValueError:
            raise
        except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
            raise BadValueError(f"not a value: {error}") from None

    def block(self, number: Any) -> bytes:
        """The block with this number."""
        if type(number) is not int or not 0 <= number < len(self._blocks):
            raise BadValueError("no such block")
        return self._blocks[number]

    def items(self, data: Any, depth: int) -> list[Any]:
        """Each value."""
        if not isinstance(data, list):
            raise BadValueError("not a list")
        return [self.decode(item, depth) for item in data]

    def pairs(self, data: Any, depth: int) -> list[tuple[Any, Any]]:
        """Keys and values."""
        if not isinstance(data, list):
            raise BadValueError("not a list")
        return [(self.decode(key, depth), self.decode(value, depth)) for key, value in data]


def _writer_of_subclass(value: Any) -> Writer | None:
    found = (find(value) for find in WRITERS_OF_SUBCLASSES)
    return next((writer for writer in found if writer is not None), None)
