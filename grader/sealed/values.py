"""Plain data by value: what may cross between the student's process and the checker.

A value becomes JSON and raw blocks. Exact types of the allow-list cross. Of a subclass of one
of them its base value crosses, read with the base class's own methods, and arrives in an empty
subclass of ours: whatever the student's overrides (`__eq__`, `__array_ufunc__`, `__iter__`)
stays behind, and `type(x) is list` is as false as it was. Everything else is left to the
caller: `refer` names it, `resolve` brings the name back.

The decoder believes nothing: every tag, length, shape and dtype is checked.
"""

from __future__ import annotations

import collections
import decimal
import fractions
import keyword
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from grader.sealed import codec, paths_and_times
from grader.sealed.arrays import ARRAY_READERS, writer_of
from grader.sealed.codec import BadValueError, Decoder, Encoder, Reader, Writer
from grader.sealed.library_names import read_library, write_library

__all__ = ["BadValueError", "Decoder", "Encoder", "read_library", "write_library"]

_MOST_DIGITS = 100_000


def _write_int(_: Encoder, value: int, __: int) -> Any:
    if -(2**63) <= value < 2**63:
        return value
    if value.bit_length() > 4 * _MOST_DIGITS:
        raise BadValueError("the number has too many digits")
    return ["int", hex(value)]


def _read_int(_: Decoder, data: list[Any], __: int) -> int:
    if len(data[0]) > _MOST_DIGITS + 3:
        raise BadValueError("the number has too many digits")
    return int(data[0], 16)


def _write_pairs(encoder: Encoder, value: Any, depth: int) -> list[list[Any]]:
    return [
        [encoder.encode(key, depth), encoder.encode(item, depth)] for key, item in dict.items(value)
    ]


def _write_default_dict(encoder: Encoder, value: Any, depth: int) -> list[Any]:
    factory = value.default_factory
    name = next((n for n, known in _FACTORIES.items() if known is factory), None)
    return ["defaultdict", name, _write_pairs(encoder, value, depth)]


def _read_default_dict(decoder: Decoder, data: list[Any], depth: int) -> Any:
    factory = _FACTORIES[data[0]] if data[0] is not None else None
    return collections.defaultdict(factory, decoder.pairs(data[1], depth))


def _read_counter(decoder: Decoder, data: list[Any], depth: int) -> Any:
    counter: collections.Counter[Any] = collections.Counter()
    dict.update(counter, decoder.pairs(data[0], depth))
    return counter


def _write_tuple(encoder: Encoder, value: tuple[Any, ...], depth: int) -> list[Any]:
    items = encoder.items(tuple.__iter__(value), depth)
    fields = getattr(type(value), "_fields", None)
    if type(fields) is tuple and len(fields) == len(items):
        return ["namedtuple", type(value).__name__, list(fields), items]
    return ["tuple", items] if type(value) is tuple else ["subclass", ["tuple", items]]


@lru_cache(maxsize=256)
def _named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    for word in (name, *fields):
        if not word.isidentifier() or keyword.iskeyword(word) or len(word) > 200:
            raise BadValueError("not a name")
    return collections.namedtuple(name, fields)


def _read_named_tuple(decoder: Decoder, data: list[Any], depth: int) -> Any:
    items = decoder.items(data[2], depth)
    if len(items) > 1000:
        raise BadValueError("too many fields")
    return _named_tuple(data[0], tuple(data[1]))(*items)


_FACTORIES: dict[str, Any] = {
    kind.__name__: kind for kind in (int, float, str, list, dict, set, tuple, bool)
}

_WRITERS: dict[type, Writer] = {
    int: _write_int,
    complex: lambda e, v, d: ["complex", v.real, v.imag],
    bytes: lambda e, v, d: ["bytes", e.block(v)],
    bytearray: lambda e, v, d: ["bytearray", e.block(bytes(v))],
    list: lambda e, v, d: ["list", e.items(v, d)],
    tuple: _write_tuple,
    set: lambda e, v, d: ["set", e.items(v, d)],
    frozenset: lambda e, v, d: ["frozenset", e.items(v, d)],
    dict: lambda e, v, d: ["dict", _write_pairs(e, v, d)],
    collections.OrderedDict: lambda e, v, d: ["ordered", _write_pairs(e, v, d)],
    collections.Counter: lambda e, v, d: ["counter", _write_pairs(e, v, d)],
    collections.defaultdict: _write_default_dict,
    collections.deque: lambda e, v, d: ["deque", e.items(v, d), v.maxlen],
    range: lambda e, v, d: ["range", e.items((v.start, v.stop, v.step), d)],
    slice: lambda e, v, d: ["slice", e.items((v.start, v.stop, v.step), d)],
    type(...): lambda e, v, d: ["ellipsis"],
    type(NotImplemented): lambda e, v, d: ["notimplemented"],
    decimal.Decimal: lambda e, v, d: ["decimal", str(v)],
    fractions.Fraction: lambda e, v, d: ["fraction", *e.items((v.numerator, v.denominator), d)],
}

#: For subclasses: the base type, and its value read by the base type's own methods.
_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
    (complex, lambda v: complex(complex.real.__get__(v), complex.imag.__get__(v))),
    (bytes, lambda v: bytes.__getitem__(v, slice(None))),
    (list, lambda v: list.__getitem__(v, slice(None))),
    (set, lambda v: set(set.__iter__(v))),
    (frozenset, lambda v: frozenset(frozenset.__iter__(v))),
    (dict, lambda v: dict(dict.items(v))),
)


def _writer_of_subclass(value: Any) -> Writer | None:
    if isinstance(value, tuple):
        return _write_tuple
    for base, plain in _BASES:
        if isinstance(value, base):
            return lambda e, v, d: ["subclass", e.encode(plain(v), d)]
    return None


_EMPTY_SUBCLASSES: dict[type, Any] = {
    base: type(f"subclass_of_{base.__name__}", (base,), {})
    for base in (tuple, *(base for base, _ in _BASES))
}


def _read_subclass(decoder: Decoder, data: list[Any], depth: int) -> Any:
    value = decoder.decode(data[0], depth)
    return _EMPTY_SUBCLASSES[type(value)](value)


_READERS: dict[str, Reader] = {
    "int": _read_int,
    "complex": lambda r, v, d: complex(float(v[0]), float(v[1])),
    "bytes": lambda r, v, d: r.block(v[0]),
    "bytearray": lambda r, v, d: bytearray(r.block(v[0])),
    "list": lambda r, v, d: r.items(v[0], d),
    "tuple": lambda r, v, d: tuple(r.items(v[0], d)),
    "namedtuple": _read_named_tuple,
    "set": lambda r, v, d: set(r.items(v[0], d)),
    "frozenset": lambda r, v, d: frozenset(r.items(v[0], d)),
    "dict": lambda r, v, d: dict(r.pairs(v[0], d)),
    "ordered": lambda r, v, d: collections.OrderedDict(r.pairs(v[0], d)),
    "counter": _read_counter,
    "defaultdict": _read_default_dict,
    "deque": lambda r, v, d: collections.deque(r.items(v[0], d), v[1]),
    "range": lambda r, v, d: range(*r.items(v[0], d)),
    "slice": lambda r, v, d: slice(*r.items(v[0], d)),
    "ellipsis": lambda r, v, d: ...,
    "notimplemented": lambda r, v, d: NotImplemented,
    "decimal": lambda r, v, d: decimal.Decimal(v[0]),
    "fraction": lambda r, v, d: fractions.Fraction(*r.items(v, d)),
    "subclass": _read_subclass,
}

codec.WRITERS.update({**_WRITERS, **paths_and_times.WRITERS})
codec.WRITERS_OF_SUBCLASSES += [writer_of, _writer_of_subclass]
codec.READERS.update({**_READERS, **ARRAY_READERS, **paths_and_times.READERS})
