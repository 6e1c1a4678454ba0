"""The process that executes the student's cells. It knows no test.

Between cells it answers the checker, one request at a time: give me this name, call this,
read that attribute. Nothing here is a wall: student code shares this process and may change
every line of it. All it gains is a say in the answers, which it has anyway.
"""

from __future__ import annotations

import contextlib
import importlib
import operator
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.sealed import values
from grader.sealed.frames import Wire, WireError
from grader.sealed.interrupts import Interrupts
from grader.sealed.shell import CellShell, Outputs

_MOST_HANDLES = 200_000
_MOST_FILE = 16 * 2**20
_LONGEST_MESSAGE = 2000
_OUTPUT_OF_A_CALL = 64 * 1024

_ITERATORS: tuple[type, ...] = (
    type(iter([])),
    type(iter(())),
    type(iter(range(0))),
    type(iter({})),
    map,
    filter,
)
_ITERATORS += (zip, enumerate, reversed, type(_ for _ in [0]), type(iter(set())), type(iter("")))
_ITERATORS += (type(iter({}.items())), type(iter({}.values())))


def serve(control: Wire, channel: Wire, shell: CellShell) -> None:
    """Obey the controller and answer the checker until either is gone."""
    shell.take_streams()
    interrupts = Interrupts()
    answers = _Answers(channel, shell, interrupts)
    with contextlib.suppress(WireError):
        while True:
            ready, _, _ = select.select([control, channel], [], [])
            if control in ready:
                _obey(control, shell, interrupts)
            elif channel in ready:
                answers.answer(*channel.receive())


def _obey(control: Wire, shell: CellShell, interrupts: Interrupts) -> None:
    message, blocks = control.receive()
    match message["do"]:
        case "files":
            for name, data in zip(message["names"], blocks, strict=True):
                _put(name, data)
            for name in message["links"]:
                Path(name).symlink_to(f"/data/{name}")
            control.send({"done": True})
        case "run":
            control.send(_run(message, shell, interrupts))
        case "ping":
            control.send({"pong": message["number"]})


def _run(message: dict[str, Any], shell: CellShell, interrupts: Interrupts) -> dict[str, Any]:
    try:
        with interrupts.allowed():
            ok = shell.run(message["source"], message["most"])
    except KeyboardInterrupt:
        ok = False
    return {"ok": ok, "outputs": shell.shown(message["most"])}


def _put(name: str, data: bytes) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class _Answers:
    """What the checker can ask for, and the objects it holds handles of."""

    def __init__(self, channel: Wire, shell: CellShell, interrupts: Interrupts) -> None:
        self._channel = channel
        self._interrupts = interrupts
        self._shell = shell
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def answer(self, request: dict[str, Any], blocks: list[bytes]) -> None:
        """Answer one request; an exception of the student's code is an answer, too."""
        outer, self._shell.outputs = self._shell.outputs, Outputs(_OUTPUT_OF_A_CALL)
        reply, encoder = self._reply(request, blocks)
        self._shell.take_c_output(_OUTPUT_OF_A_CALL)
        reply["id"] = request["id"]
        reply["printed"] = [
            [item.get("name", "stdout"), item.get("text") or item["data"].get("text/plain", "")]
            for item in self._shell.outputs.take()
            if "text" in item or "data" in item
        ]
        self._shell.outputs = outer
        self._channel.send(reply, encoder.blocks)

    def _reply(
        self, request: dict[str, Any], blocks: list[bytes]
    ) -> tuple[dict[str, Any], values.Encoder]:
        encoder = values.Encoder(self._refer)
        try:
            decoder = values.Decoder(blocks, self._resolve)
            action: Callable[..., Any] = getattr(self, "_do_" + request["op"])
            with self._interrupts.allowed():
                reply = action(request, decoder, encoder)
        except KeyboardInterrupt:
            return {"raised": ["KeyboardInterrupt"], "message": ""}, encoder
        except BaseException as error:  # SystemExit included: it ends the call, not the process
            encoder.blocks.clear()
            return _describe(error), encoder
        return reply, encoder

    def _do_name(self, request: dict[str, Any], _: Any, encoder: values.Encoder) -> Any:
        names = self._shell.user_ns
        if request["name"] not in names:
            return {"missing": True}
        return {"value": encoder.encode(names[request["name"]])}

    def _do_names(self, request: dict[str, Any], _: Any, encoder: values.Encoder) -> Any:
        there = [name for name in request["names"] if name in self._shell.user_ns]
        return {"value": encoder.encode(there)}

    def _do_set(self, request: dict[str, Any], decoder: values.Decoder, _: Any) -> Any:
        self._shell.user_ns[request["name"]] = decoder.decode(request["value"])
        return {"value": None}

    def _do_delete(self, request: dict[str, Any], _: Any, __: Any) -> Any:
        self._shell.user_ns.pop(request["name"], None)
        return {"value": None}

    def _do_call(
        self, request: dict[str, Any], decoder: values.Decoder, encoder: values.Encoder
    ) -> Any:
        function = decoder.decode(request["function"])
        args = decoder.items(request["args"], 0)
        keywords = {name: decoder.decode(arg) for name, arg in request["keywords"].items()}
        passed = [*args, *keywords.values()]
        before = [_picture(arg) for arg in passed]
        try:
            result = {"value": self._result(function(*args, **keywords), passed, encoder)}
        except BaseException as error:
            result = _describe(error)
        changed = [
            [i, encoder.encode(arg)]
            for i, (arg, picture) in enumerate(zip(passed, before, strict=True))
            if picture is not None and picture != _picture(arg)
        ]
        return {**result, "changed": changed}

    def _result(self, result: Any, passed: list[Any], encoder: values.Encoder) -> Any:
        for i, argument in enumerate(passed):
            if result is argument and _is_mutable(argument):
                return ["argument", i]
        return encoder.encode(result)

    def _do_attribute(
        self, request: dict[str, Any], decoder: values.Decoder, encoder: values.Encoder
    ) -> Any:
        thing = getattr(decoder.decode(request["of"]), request["name"])
        return {"value": encoder.encode(thing)}

    def _do_set_attribute(self, request: dict[str, Any], decoder: values.Decoder, _: Any) -> Any:
        setattr(decoder.decode(request["of"]), request["name"], decoder.decode(request["value"]))
        return {"value": None}

    def _do_operate(
        self, request: dict[str, Any], decoder: values.Decoder, encoder: values.Encoder
    ) -> Any:
        function = getattr(operator, request["name"])
        return {"value": encoder.encode(function(*decoder.items(request["args"], 0)))}

    def _do_text(
        self, request: dict[str, Any], decoder: values.Decoder, encoder: values.Encoder
    ) -> Any:
        make = repr if request["name"] == "repr" else str
        return {"value": encoder.encode(make(decoder.decode(request["of"])))}

    def _do_next(
        self, request: dict[str, Any], decoder: values.Decoder, encoder: values.Encoder
    ) -> Any:
        try:
            return {"value": encoder.encode(next(decoder.decode(request["of"])))}
        except StopIteration:
            return {"end": True}

    def _do_seed(self, request: dict[str, Any], decoder: values.Decoder, _: Any) -> Any:
        module = importlib.import_module(request["module"])
        module.seed(*decoder.items(request["args"], 0))
        return {"value": None}

    def _do_file(self, request: dict[str, Any], _: Any, encoder: values.Encoder) -> Any:
        path = Path(request["path"])
        if not path.is_file() or path.stat().st_size > _MOST_FILE:
            return {"missing": True}
        return {"value": encoder.encode(path.read_bytes())}

    def _do_put(self, request: dict[str, Any], decoder: values.Decoder, _: Any) -> Any:
        _put(request["path"], decoder.decode(request["data"]))
        return {"value": None}

    def _refer(self, value: Any) -> list[Any]:
        if isinstance(value, type):
            named = values.write_library(value)
            if named is not None:
                return named
        if isinstance(value, _Callback):
            return ["callback", value.number]
        number = self._numbers.get(id(value))
        if number is None:
            if len(self._objects) >= _MOST_HANDLES:
                raise values.BadValueError("too many objects")
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        kind = "iterator" if type(value) in _ITERATORS else "handle"
        return [kind, number, type(value).__name__[:200], callable(value)]

    def _resolve(self, data: list[Any]) -> Any:
        match data:
            case ["handle", int(number)]:
                return self._objects[number]
            case ["library", *_]:
                return values.read_library(data)
            case ["stream", items]:
                return iter(values.Decoder([], self._resolve).decode(items))
            case ["callback", int(number), str(name)]:
                return _Callback(self, number, name)
        raise values.BadValueError("not a reference")

    def call_back(self, number: int, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call a function of the checker from inside a call of the checker's."""
        encoder = values.Encoder(self._refer)
        message = {
            "callback": number,
            "args": encoder.items(args, 0),
            "keywords": {name: encoder.encode(arg) for name, arg in keywords.items()},
        }
        with self._interrupts.held():
            self._channel.send(message, encoder.blocks)
            while True:
                reply, blocks = self._channel.receive()
                if "op" not in reply:
                    break
                self.answer(reply, blocks)  # what the checker's function asks in its turn
        if "raised" in reply:
            raise _builtin_exception(reply["raised"])(reply.get("message", ""))
        return values.Decoder(blocks, self._resolve).decode(reply["value"])


class _Callback:
    """A function of the checker, called from the student's code."""

    def __init__(self, answers: _Answers, number: int, name: str) -> None:
        self._answers = answers
        self.number = number
        self.__name__ = name

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._answers.call_back(self.number, args, keywords)


def _is_mutable(value: Any) -> bool:
    return type(value).__name__ in ("list", "dict", "set", "ndarray", "NDArray", "bytearray")


def _picture(value: Any) -> Any:
    """What a mutable argument looks like, to see later whether the call has changed it."""
    if not _is_mutable(value):
        return None

    def refer(inner: Any) -> list[Any]:
        return ["object", id(inner)]

    encoder = values.Encoder(refer)
    try:
        return encoder.encode(value), encoder.blocks
    except values.BadValueError:
        return None


def _describe(error: BaseException) -> dict[str, Any]:
    """An exception as the names of its classes, nearest first, and its message."""
    try:
        message = str(error.args[0]) if len(error.args) == 1 else str(error)
    except BaseException:  # the student's own __str__
        message = ""
    names = [
        kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}:{kind.__name__}"
        for kind in type(error).__mro__[:20]
    ]
    return {"raised": names, "message": message[:_LONGEST_MESSAGE]}


def _builtin_exception(name: str) -> type[Exception]:
    kind = getattr(importlib.import_module("builtins"), name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError
