"""Types and functions of libraries, by name: no code crosses, each side has its own."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np  # type: ignore[import-not-found]

from grader.sealed.codec import BadValueError

_LIBRARIES = ("numpy", "math", "cmath", "operator", "statistics", "mxnet")
_TYPES = tuple(
    thing
    for thing in vars(builtins).values()
    if isinstance(thing, type) and thing not in (type, object, super, property)
)


def _library_name(value: Any) -> list[Any] | None:
    """How to find a type or function of a library, when it is one."""
    if isinstance(value, type) and value in _TYPES:
        return ["library", "builtins", value.__name__]
    if isinstance(value, type) and issubclass(value, np.generic):
        return ["library", "numpy", value.__name__]
    name = getattr(value, "__name__", None)
    modules = [getattr(value, "__module__", None), "numpy" if type(value) is np.ufunc else None]
    for module in modules:
        if type(name) is str and type(module) is str and _found(module, name) is value:
            return ["library", module, name]
    return None


def _found(module: str, name: str) -> Any:
    """What a library calls by this name, or None. Only what is imported already is searched."""
    if module == "builtins":
        thing = getattr(builtins, name, None)
        return thing if thing in _TYPES or name in _SAFE_BUILTINS else None
    if module.partition(".")[0] not in _LIBRARIES or name.startswith("_"):
        return None
    thing = getattr(sys.modules.get(module), name, None)
    return thing if callable(thing) else None


_SAFE_BUILTINS = ("len", "abs", "sum", "min", "max", "sorted", "round", "all", "any", "repr")


def write_library(value: Any) -> list[Any] | None:
    """The reference to a type or function of a library, or None when it is not one."""
    try:
        return _library_name(value) if callable(value) else None
    except Exception:  # an object's own attributes
        return None


def read_library(data: list[Any]) -> Any:
    """What the reference names. Raises BadValueError when the list does not have it."""
    if len(data) != 3 or not all(isinstance(part, str) for part in data):
        raise BadValueError("not a reference")
    thing = _found(data[1], data[2])
    if thing is None:
        raise BadValueError("not a thing of a library")
    return thing
