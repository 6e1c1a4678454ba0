"""What a student's function did to its arguments, done to the checker's own."""

from __future__ import annotations

from typing import Any

import numpy as np  # type: ignore[import-not-found]


def replace_content(old: Any, new: Any) -> None:
    """Make `old` look like `new`, in place, keeping inner objects where they match."""
    if type(old) is not type(new):
        raise TypeError("an argument changed its type")
    match old:
        case list():
            for i, (before, after) in enumerate(zip(old, new, strict=False)):
                old[i] = _merged(before, after)
            old[len(new) :] = new[len(old) :]
        case dict():
            merged = {k: _merged(old[k], v) if k in old else v for k, v in new.items()}
            old.clear()
            old.update(merged)
        case set():
            old.clear()
            old.update(new)
        case bytearray():
            old[:] = new
        case np.ndarray():
            if old.dtype != new.dtype or old.shape != new.shape:
                raise TypeError("an array changed its shape or dtype")
            old[...] = new
        case _:
            old[:] = new  # an array of mxnet


def _merged(before: Any, after: Any) -> Any:
    if type(before) is type(after) and isinstance(before, (list, dict, set, np.ndarray)):
        try:
            replace_content(before, after)
        except TypeError:
            return after
        return before
    return after
