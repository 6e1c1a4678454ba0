"""The checker's line to the student's process: ask, and believe nothing but the values.

Each request has a number and gets one reply. While it waits, the checker may be asked to run
a function that it passed itself (a callback); nothing else is ever done for the other side.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from grader.sealed import handles, values
from grader.sealed.frames import Wire, WireError
from grader.sealed.handles import Handle, SealError, StudentGoneError
from grader.sealed.interrupts import Interrupts
from grader.sealed.raised import exception_class, make_exception
from grader.sealed.write_back import replace_content

_MOST_CALLBACKS = 100_000
_DEEPEST_CALLBACK = 20
_MOST_ITEMS = 1_000_000
_MOST_STALE = 1000
_STREAMS: tuple[type, ...] = (
    type(_ for _ in [0]),
    map,
    filter,
    zip,
    enumerate,
    reversed,
    type({}.keys()),
)
_STREAMS += (type({}.values()), type({}.items()), type(iter([])), type(iter(range(0))))


class MissingNameError(KeyError):
    """The submission does not define this name."""


class Connection:
    """Requests to the student's process, and what came of them in the running cell."""

    def __init__(self, channel: Wire, interrupts: Interrupts) -> None:
        self._channel = channel
        self._interrupts = interrupts
        self._handles: dict[int, Handle] = {}
        self._callbacks: list[Callable[..., Any]] = []
        self._number = 0
        self._depth = 0
        self._served = 0
        self._items = 0
        #: Why the running cell fails even if its test catches everything.
        self.broken = ""
        #: Whether an exception of the student's code reached the test.
        self.raised: BaseException | None = None
        #: Told before each call of a student's function.
        self.before_call: Callable[[], None] = lambda: None
        #: Told what was passed after each call of a student's function.
        self.after_call: Callable[[list[Any]], None] = lambda passed: None

    def begin_cell(self) -> None:
        """Forget what belonged to the cell before."""
        self._callbacks.clear()
        self._served = self._items = self._depth = 0
        self.broken = ""
        self.raised = None

    def deny(self, reason: str) -> NoReturn:
        """Break the seal: the running cell fails for this reason."""
        self.broken = self.broken or reason
        raise SealError(reason)

    # Requests.

    def name(self, name: str) -> Any:
        """The student's global of this name. Raises MissingNameError."""
        reply, blocks = self._ask({"op": "name", "name": name})
        if "missing" in reply:
            raise MissingNameError(name)
        return self._value(reply, blocks)

    def present(self, names: Collection[str]) -> set[str]:
        """Which of these globals the student's process says it has."""
        found = self._value(*self._ask({"op": "names", "names": sorted(names)}))
        said = found if isinstance(found, list) else []
        return set(names) & {each for each in said if isinstance(each, str)}

    def set_name(self, name: str, value: Any) -> None:
        """Bind a global in the student's process."""
        encoder = values.Encoder(self._refer)
        request = {"op": "set", "name": name, "value": encoder.encode(value)}
        self._value(*self._ask(request, encoder))

    def delete_name(self, name: str) -> None:
        """Delete a global in the student's process."""
        self._value(*self._ask({"op": "delete", "name": name}))

    def attribute(self, handle: Handle, name: str) -> Any:
        """An attribute of a student's object."""
        encoder = values.Encoder(self._refer)
        request = {"op": "attribute", "of": encoder.encode(handle), "name": name}
        return self._value(*self._ask(request, encoder))

    def set_attribute(self, handle: Handle, name: str, value: Any) -> None:
        """Set an attribute of a student's object."""
        encoder = values.Encoder(self._refer)
        request = {
            "op": "set_attribute",
            "of": encoder.encode(handle),
            "name": name,
            "value": encoder.encode(value),
        }
        self._value(*self._ask(request, encoder))

    def operate(self, name: str, *args: Any) -> Any:
        """An operator of Python's, applied in the student's process."""
        encoder = values.Encoder(self._refer)
        request = {"op": "operate", "name": name, "args": encoder.items(args, 0)}
        return self._value(*self._ask(request, encoder))

    def text(self, handle: Handle, name: str) -> str:
        """`str` or `repr` of a student's object."""
        encoder = values.Encoder(self._refer)
        request = {"op": "text", "name": name, "of": encoder.encode(handle)}
        text = self._value(*self._ask(request, encoder))
        return text if isinstance(text, str) else self.deny("str() did not give text")

    def next_item(self, handle: Handle) -> Any:
        """The next value of a student's iterator."""
        self._items += 1
        if self._items > _MOST_ITEMS:
            self.deny("the submission's iterators give too many values")
        encoder = values.Encoder(self._refer)
        reply, blocks = self._ask({"op": "next", "of": encoder.encode(handle)}, encoder)
        if "end" in reply:
            raise StopIteration
        return self._value(reply, blocks)

    def seed(self, module: str, args: tuple[Any, ...]) -> None:
        """Seed a random generator in the student's process, too."""
        encoder = values.Encoder(self._refer)
        request = {"op": "seed", "module": module, "args": encoder.items(args, 0)}
        self._ask(request, encoder)

    def file(self, path: str) -> bytes | None:
        """A file that the submission has written, or None."""
        reply, blocks = self._ask({"op": "file", "path": path})
        data = None if "missing" in reply else self._value(reply, blocks)
        return data if isinstance(data, bytes) else None

    def put_file(self, path: str, data: bytes) -> None:
        """Write a file in the student's process."""
        encoder = values.Encoder(self._refer)
        request = {"op": "put", "path": path, "data": encoder.encode(data)}
        self._ask(request, encoder)

    def call(self, function: Handle, args: Any, keywords: dict[str, Any]) -> Any:
        """Call a student's function. Arguments that it changes in place change here, too."""
        self.before_call()
        encoder = values.Encoder(self._refer)
        try:
            request = {
                "op": "call",
                "function": encoder.encode(function),
                "args": encoder.items(args, 0),
                "keywords": {name: encoder.encode(arg) for name, arg in keywords.items()},
            }
        except values.BadValueError as error:
            self.deny(f"an argument can't be passed to the submission: {error}")
        reply, blocks = self._ask(request, encoder)
        passed = [*args, *keywords.values()]
        self._write_back(reply, blocks, passed)
        self.after_call(passed)
        match reply.get("value"):
            case ["argument", int(number)] if 0 <= number < len(passed):
                return passed[number]
        return self._value(reply, blocks)

    # Replies.

    def _ask(
        self, request: dict[str, Any], encoder: values.Encoder | None = None
    ) -> tuple[dict[str, Any], list[bytes]]:
        self._number += 1
        request["id"] = mine = self._number
        try:
            self._send(request, encoder.blocks if encoder else [])
            for _ in range(_MOST_STALE + _MOST_CALLBACKS):
                reply, blocks = self._receive()
                if "callback" in reply:
                    self._serve(reply, blocks)
                elif reply.get("id") == mine:
                    self._print(reply.get("printed"))
                    return reply, blocks
        except WireError as error:
            self.broken = self.broken or "the submission's process ended or broke off"
            raise StudentGoneError(str(error)) from None
        return self.deny("the submission's process sends what nobody asked for")

    def _send(self, message: dict[str, Any], blocks: list[bytes]) -> None:
        with self._interrupts.held():
            self._channel.send(message, blocks)

    def _receive(self) -> tuple[dict[str, Any], list[bytes]]:
        select.select([self._channel], [], [])  # the wait can be interrupted, the frame not
        with self._interrupts.held():
            return self._channel.receive()

    def _value(self, reply: dict[str, Any], blocks: list[bytes]) -> Any:
        if "raised" in reply:
            self._raise(reply)
        try:
            return values.Decoder(blocks, self._resolve).decode(reply.get("value"))
        except values.BadValueError as error:
            self.deny(f"what the submission returned can't be read: {error}")

    def _raise(self, reply: dict[str, Any]) -> NoReturn:
        names = reply["raised"]
        message = reply.get("message")
        kind = exception_class(names if isinstance(names, list) else [])
        error = make_exception(kind, message if isinstance(message, str) else "")
        self.raised = error
        raise error

    def _write_back(self, reply: dict[str, Any], blocks: list[bytes], passed: list[Any]) -> None:
        changed = reply.get("changed")
        for change in changed if isinstance(changed, list) else []:
            try:
                number, data = change
                value = values.Decoder(blocks, self._resolve).decode(data)
                replace_content(passed[number], value)
            except (TypeError, ValueError, IndexError) as error:
                self.deny(f"what the submission did to an argument can't be read: {error}")

    def _print(self, printed: Any) -> None:
        """What the student's code printed appears where the test looks for output."""
        for item in printed if isinstance(printed, list) else []:
            match item:
                case [str(name), str(text)]:
                    (sys.stderr if name == "stderr" else sys.stdout).write(text[:100_000])

    # References.

    def _refer(self, value: Any) -> list[Any]:
        if isinstance(value, Handle):
            return ["handle", object.__getattribute__(value, "_number")]
        named = values.write_library(value)
        if named is not None:
            return named
        if type(value) in _STREAMS:
            items = [item for item, _ in zip(value, range(_MOST_ITEMS), strict=False)]
            return ["stream", values.Encoder(self._refer).encode(items)]
        if callable(value):
            self._callbacks.append(value)
            return ["callback", len(self._callbacks) - 1, "function"]
        raise values.BadValueError(f"a {type(value).__name__} stays in the checker")

    def _resolve(self, data: list[Any]) -> Any:
        match data:
            case ["handle" | "iterator" as what, int(number), str(kind), bool(callable_)]:
                if number not in self._handles:
                    made = handles.make_handle(
                        self, what == "iterator", number, kind[:200], callable_
                    )
                    self._handles[number] = made
                return self._handles[number]
            case ["callback", int(number)] if 0 <= number < len(self._callbacks):
                return self._callbacks[number]
            case ["library", *_]:
                thing = values.read_library(data)
                if isinstance(thing, type) and not issubclass(thing, BaseException):
                    return thing
                if isinstance(thing, type) and issubclass(thing, Exception):
                    return thing
        raise values.BadValueError("not a value of the list")

    def _serve(self, request: dict[str, Any], blocks: list[bytes]) -> None:
        self._served += 1
        if self._depth >= _DEEPEST_CALLBACK or self._served > _MOST_CALLBACKS:
            self.deny("the submission calls the check's own functions without end")
        self._depth += 1
        encoder = values.Encoder(self._refer)
        try:
            reply = {"value": encoder.encode(self._run_callback(request, blocks))}
        except Exception as error:
            # The message could quote the check: only the class goes back.
            kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
            reply, encoder.blocks = {"raised": kind.__name__}, []
        finally:
            self._depth -= 1
        self._send(reply, encoder.blocks)

    def _run_callback(self, request: dict[str, Any], blocks: list[bytes]) -> Any:
        decoder = values.Decoder(blocks, self._resolve)
        number, keywords = request["callback"], request.get("keywords")
        if type(number) is not int or not 0 <= number < len(self._callbacks):
            self.deny("the submission calls a function that was not passed to it")
        args = decoder.items(request.get("args"), 0)
        named = {
            str(name): decoder.decode(arg)
            for name, arg in (keywords if isinstance(keywords, dict) else {}).items()
        }
        return self._callbacks[number](*args, **named)
