"""Arrays, scalars and dtypes of numpy and mxnet by value: raw data with a checked description.

mxnet is looked up where it is already imported, because an environment may have none.
"""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

import numpy as np  # type: ignore[import-not-found]

from grader.sealed.codec import BadValueError, Decoder, Encoder, Writer

_KINDS_OF_ARRAY = "biufcSU"
_FLOATS = ("float16", "float32", "float64")


def _write_array(encoder: Encoder, value: Any, depth: int) -> list[Any] | None:
    array = np.ndarray.view(value, np.ndarray) if type(value) is not np.ndarray else value
    if array.dtype.kind == "O" and array.dtype.hasobject and array.ndim > 0:
        return ["objects", list(array.shape), encoder.items(array.ravel().tolist(), depth)]
    if array.dtype.kind not in _KINDS_OF_ARRAY or array.dtype.itemsize > 2**16:
        return None
    if array.dtype.kind == "f" and array.dtype.name not in _FLOATS:
        return None
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)
    return ["array", array.dtype.str, list(array.shape), encoder.block(array.tobytes())]


def _write_subarray(encoder: Encoder, value: Any, depth: int) -> list[Any] | None:
    """A matrix, say, arrives as an array of a class without methods of its own."""
    written = _write_array(encoder, value, depth)
    return None if written is None else ["subarray", written]


class _Subarray(np.ndarray):
    """In the place of a student's subclass: `type(x) is np.ndarray` stays false."""


def _read_subarray(decoder: Decoder, data: list[Any], depth: int) -> Any:
    array = decoder.decode(data[0], depth)
    if type(array) is not np.ndarray:
        raise BadValueError("not an array")
    return array.view(_Subarray)


def _read_array(decoder: Decoder, data: list[Any], _: int) -> Any:
    dtype, shape = _dtype(data[0]), _shape(data[1])
    block = decoder.block(data[2])
    if math.prod(shape) * dtype.itemsize != len(block):
        raise BadValueError("the shape does not fit the data")
    if not dtype.itemsize:
        return np.zeros(shape, dtype)
    return np.frombuffer(bytearray(block), dtype=dtype).reshape(shape)


def _read_objects(decoder: Decoder, data: list[Any], depth: int) -> Any:
    shape, items = _shape(data[0]), decoder.items(data[1], depth)
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array.reshape(shape)


def _dtype(text: Any) -> np.dtype[Any]:
    if not isinstance(text, str) or len(text) > 12 or text[:1] not in ("<", "|"):
        raise BadValueError("not a dtype")
    dtype = np.dtype(text)
    if dtype.kind not in _KINDS_OF_ARRAY or dtype.itemsize > 2**16 or dtype.str != text:
        raise BadValueError("not a dtype of the list")
    return dtype


def _shape(data: Any) -> tuple[int, ...]:
    if not isinstance(data, list) or len(data) > 32:
        raise BadValueError("not a shape")
    if not all(type(size) is int and 0 <= size < 2**40 for size in data):
        raise BadValueError("not a shape")
    return tuple(data)


def _write_scalar(encoder: Encoder, value: Any, depth: int) -> Any:
    written = _write_array(encoder, np.asarray(value), depth)
    return None if written is None or written[0] != "array" else ["scalar", written]


def _read_scalar(decoder: Decoder, data: list[Any], depth: int) -> Any:
    array = decoder.decode(data[0], depth)
    if type(array) is not np.ndarray or array.shape != ():
        raise BadValueError("not a scalar")
    return array[()]


def _write_mx(encoder: Encoder, value: Any, depth: int) -> list[Any] | None:
    if getattr(value, "stype", "default") != "default":
        return None
    kind = "np" if type(value).__module__.startswith("mxnet.numpy") else "nd"
    written = _write_array(encoder, value.asnumpy(), depth)
    return None if written is None else ["mx", kind, written]


def _read_mx(decoder: Decoder, data: list[Any], depth: int) -> Any:
    array = decoder.decode(data[1], depth)
    if type(array) is not np.ndarray or array.dtype.kind not in "biuf":
        raise BadValueError("not an array of mxnet")
    mxnet = importlib.import_module("mxnet")
    make = mxnet.np.array if data[0] == "np" else mxnet.nd.array
    with mxnet.util.np_shape(True):
        return make(array, dtype=array.dtype)


def _read_device(_: Decoder, data: list[Any], __: int) -> Any:
    if data[0] not in ("cpu", "gpu") or type(data[1]) is not int:
        raise BadValueError("not a device")
    return importlib.import_module("mxnet").Context(data[0], data[1])


def writer_of(value: Any) -> Writer | None:
    """How to write a value of these libraries, or None when it is none."""
    if isinstance(value, np.generic):
        return _write_scalar
    mx_arrays = tuple(
        getattr(sys.modules[module], name)
        for module, name in (("mxnet.ndarray", "NDArray"), ("mxnet.numpy", "ndarray"))
        if module in sys.modules
    )
    if mx_arrays and isinstance(value, mx_arrays):
        return _write_mx
    if isinstance(value, np.ndarray):
        return _write_array if type(value) is np.ndarray else _write_subarray
    if isinstance(value, np.dtype):
        return lambda e, v, d: ["dtype", v.str]
    if type(value) is getattr(sys.modules.get("mxnet.context"), "Context", None):
        return lambda e, v, d: ["device", v.device_type, v.device_id]
    return None


ARRAY_READERS = {
    "array": _read_array,
    "subarray": _read_subarray,
    "objects": _read_objects,
    "scalar": _read_scalar,
    "mx": _read_mx,
    "dtype": lambda r, v, d: _dtype(v[0]),
    "device": _read_device,
}
