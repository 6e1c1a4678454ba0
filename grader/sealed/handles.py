"""Stand-ins, in the checker, for objects that stay in the student's process.

A handle can be called, indexed, read, written and calculated with; each gives a value or
another handle. It never decides anything by itself: comparing it, asking for its truth or
length, iterating it, hashing it or testing for its class breaks the seal, and the cell fails
whether or not the test catches the exception.
"""

from __future__ import annotations

from typing import Any, NoReturn, Protocol


class SealError(BaseException):
    """A test tried to let a student's object decide. Not an Exception: tests catch those."""


class StudentGoneError(BaseException):
    """The student's process ended, or does not speak any more."""


class Asks(Protocol):
    """What a handle needs of the connection to the student's process."""

    def attribute(self, handle: Handle, name: str) -> Any: ...
    def set_attribute(self, handle: Handle, name: str, value: Any) -> None: ...
    def call(self, function: Handle, args: Any, keywords: dict[str, Any]) -> Any: ...
    def operate(self, name: str, *args: Any) -> Any: ...
    def text(self, handle: Handle, name: str) -> str: ...
    def next_item(self, handle: Handle) -> Any: ...
    def deny(self, reason: str) -> NoReturn: ...


_OWN = frozenset({"_asks", "_number", "_kind"})


class Handle:
    """An object of the student's process."""

    __slots__ = ("_asks", "_kind", "_number")
    __array_ufunc__ = None  # numpy hands operators back instead of spreading them

    def __init__(self, asks: Asks, number: int, kind: str) -> None:
        object.__setattr__(self, "_asks", asks)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_kind", kind)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and name not in _ASKED_FOR:
            raise AttributeError(name)
        return self._asks.attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._asks.set_attribute(self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._asks.operate("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._asks.operate("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._asks.operate("delitem", self, key)

    def __str__(self) -> str:
        return str(self._asks.text(self, "str"))

    def __repr__(self) -> str:
        return str(self._asks.text(self, "repr"))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class CallableHandle(Handle):
    """An object of the student's process that says it can be called."""

    __slots__ = ()

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._asks.call(self, args, keywords)


class IteratorHandle(Handle):
    """A generator or another iterator of Python's own: a stream of values, read one by one."""

    __slots__ = ()

    def __iter__(self) -> IteratorHandle:
        return self

    def __next__(self) -> Any:
        return self._asks.next_item(self)


def _no_length(self: Handle) -> NoReturn:
    raise TypeError(f"object of type {self._kind!r} has no len()")  # what list() expects


#: Attributes with two underscores that may be asked for; the others belong to the handle.
_ASKED_FOR = frozenset({"__name__", "__doc__", "__qualname__", "__dict__", "__annotations__"})
_ASKED_FOR |= {"__defaults__", "__kwdefaults__", "__wrapped__", "__code__"}

_BINARY: tuple[str, ...] = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
_BINARY += ("lshift", "rshift", "and", "or", "xor")
_UNARY = ("neg", "pos", "abs", "invert")

_DENIED = {
    "__eq__": "compare it",
    "__ne__": "compare it",
    "__lt__": "compare it",
    "__le__": "compare it",
    "__gt__": "compare it",
    "__ge__": "compare it",
    "__bool__": "ask whether it is true",
    "__len__": "take its length",
    "__iter__": "iterate over it",
    "__reversed__": "iterate over it",
    "__contains__": "look for something in it",
    "__hash__": "use it as a key",
    "__index__": "use it as a number",
    "__int__": "use it as a number",
    "__float__": "use it as a number",
    "__complex__": "use it as a number",
    "__round__": "use it as a number",
    "__array__": "use it as an array",
    "__array_function__": "use it as an array",
    "__instancecheck__": "test whether something is of this class",
    "__subclasscheck__": "test whether something is of this class",
    "__reduce_ex__": "copy it",
    "__enter__": "use it in a with statement",
}


def _denied(act: str) -> Any:
    def deny(self: Handle, *_: Any, **__: Any) -> Any:
        self._asks.deny(
            f"a check can't {act}: it is an object ({self._kind}) of the submission's process. "
            "Compare plain values instead."
        )

    return deny


def _binary(name: str, *, reflected: bool) -> Any:
    operator_name = f"{name}_" if name in ("and", "or") else name

    def operate(self: Handle, other: Any) -> Any:
        args = (other, self) if reflected else (self, other)
        return self._asks.operate(operator_name, *args)

    return operate


def _unary(name: str) -> Any:
    return lambda self: self._asks.operate(name, self)


for _name, _act in _DENIED.items():
    setattr(Handle, _name, _denied(_act))
for _name in _BINARY:
    setattr(Handle, f"__{_name}__", _binary(_name, reflected=False))
    setattr(Handle, f"__r{_name}__", _binary(_name, reflected=True))
for _name in _UNARY:
    setattr(Handle, f"__{_name}__", _unary(_name))
setattr(IteratorHandle, "__len__", _no_length)  # noqa: B010 - it has none to mypy
for _class in (Handle, CallableHandle, IteratorHandle):
    # The docstring of a student's function, not the one of the stand-in.
    _class.__doc__ = property(lambda self: self._asks.attribute(self, "__doc__"))  # type: ignore[assignment]


def make_handle(asks: Asks, iterator: bool, number: int, kind: str, callable_: bool) -> Handle:
    """The stand-in that fits what the student's process says of the object."""
    if iterator:
        return IteratorHandle(asks, number, kind)
    return (CallableHandle if callable_ else Handle)(asks, number, kind)
