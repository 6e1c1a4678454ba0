"""Read a small text file that a person wrote, or say plainly why it can't be read."""

from __future__ import annotations

import codecs
import stat
from pathlib import Path

from provisioning.errors import BadInput, Place

_SAVE_AS_UTF8 = "save the file as UTF-8 (in Excel: file type 'CSV UTF-8')"

#: What editors write before wide text. UTF-32 comes first: its mark begins like UTF-16's.
_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_text(path: Path, *, most_bytes: int) -> str:
    """The text without byte order mark, every line end a plain newline."""
    data = _read_bytes(path, most_bytes)
    _refuse_wide_text(path, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"found byte 0x{data[error.start]:02X}, which is not UTF-8 text"
        raise BadInput(Place(path, line), found, _SAVE_AS_UTF8) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        write = "write a plain text file; this looks like another kind of file"
        raise BadInput(Place(path, line), "found a zero byte", write)
    return text


def _read_bytes(path: Path, most_bytes: int) -> bytes:
    """At most `most_bytes`, and only from a regular file: a pipe or a device would hang us."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise BadInput(Place(path), "found a folder", "name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(Place(path), "found no regular file", "name a text file")
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except FileNotFoundError:
        write = "check the path, or create the file"
        raise BadInput(Place(path), "found no such file", write) from None
    except OSError as error:
        reason = (error.strerror or "it can't be read").lower()
        raise BadInput(Place(path), f"found {reason}", "make the file readable for you") from None
    except ValueError:  # a path with a zero byte
        raise BadInput(Place(path), "found no such file", "check the path") from None
    if len(data) > most_bytes:
        limit = f"{most_bytes // 1024} KiB"
        write = f"write at most {limit}; is this the right file?"
        raise BadInput(Place(path), f"found more than {limit}", write)
    return data


def _refuse_wide_text(path: Path, data: bytes) -> None:
    for mark, encoding in _WIDE_MARKS.items():
        if data.startswith(mark):
            raise BadInput(Place(path), f"found {encoding} text", _SAVE_AS_UTF8)
