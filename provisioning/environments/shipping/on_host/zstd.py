"""Read a .zst file with the library that Debian's and Ubuntu's dpkg itself needs.

Python has no zstd before 3.14, and the `zstd` command isn't everywhere; libzstd.so.1 is: dpkg
depends on it (Depends of dpkg in Debian 12 and Ubuntu 24.04).
"""

from __future__ import annotations

import ctypes
import io
from typing import Any, BinaryIO

from .voice import Refused

_IN_BYTES = 1 << 17
_OUT_BYTES = 1 << 20


class Damaged(Exception):
    """The bytes are not a whole zstd file."""


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer: both are a pointer, a size and a position."""

    _fields_ = (
        ("start", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("position", ctypes.c_size_t),
    )


class ZstdReader(io.RawIOBase):
    """The content of `file`, to be read once from its beginning."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._library = _library()
        self._stream = ctypes.c_void_p(self._library.ZSTD_createDStream())
        self._input = b""
        self._in = _Buffer()
        self._space = ctypes.create_string_buffer(_OUT_BYTES)
        self._open_frame = True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, b"" at the end. Raises Damaged."""
        out = _Buffer(ctypes.cast(self._space, ctypes.c_void_p), min(size, _OUT_BYTES), 0)
        while out.position == 0:
            ended = self._in.position == self._in.size and not self._refill()
            if ended and not self._open_frame:
                return b""
            left = self._library.ZSTD_decompressStream(
                self._stream, ctypes.byref(out), ctypes.byref(self._in)
            )
            if self._library.ZSTD_isError(left):
                raise Damaged(self._library.ZSTD_getErrorName(left).decode())
            self._open_frame = left != 0
            if ended and out.position == 0:
                raise Damaged("it ends too early")
        return self._space.raw[: out.position] if out.position < _OUT_BYTES else self._space.raw

    def close(self) -> None:
        if not self.closed:
            self._library.ZSTD_freeDStream(self._stream)
        super().close()

    def _refill(self) -> bool:
        self._input = self._file.read(_IN_BYTES)
        start = ctypes.cast(ctypes.c_char_p(self._input), ctypes.c_void_p)
        self._in = _Buffer(start, len(self._input), 0)
        return bool(self._input)


def _library() -> Any:
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        raise Refused(
            "no-zstd",
            "this host has no libzstd.so.1, which unpacks archives",
            "apt-get install libzstd1 on it, then ship again",
        ) from None
    library.ZSTD_createDStream.restype = ctypes.c_void_p
    library.ZSTD_decompressStream.restype = ctypes.c_size_t
    library.ZSTD_decompressStream.argtypes = [ctypes.c_void_p] * 3
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    library.ZSTD_freeDStream.argtypes = [ctypes.c_void_p]
    return library
