"""An IPython shell without a kernel around it: runs a cell, keeps its outputs.

The zygote makes it once; each student process inherits a fresh copy. Magics, display and the
value of the last expression work as in a notebook. History is off, because it starts a thread.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

_CUT = "\n[output cut: too long]\n"


class Outputs:
    """Notebook outputs of one cell, in order, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._items: list[dict[str, Any]] = []

    def write(self, name: str, text: str) -> None:
        """Text on a stream; neighbours on the same stream are one output."""
        if self._left <= 0 or not text:
            return
        if len(text) > self._left:
            text = text[: self._left] + _CUT
        self._left -= len(text)
        last = self._items[-1] if self._items else {}
        if last.get("output_type") == "stream" and last.get("name") == name:
            last["text"].append(text)
        else:
            self._items.append({"output_type": "stream", "name": name, "text": [text]})

    def add(self, output: dict[str, Any]) -> None:
        """A display, a result or an error; dropped whole when there is no room for it."""
        try:
            size = len(json.dumps(output))
        except (TypeError, ValueError, RecursionError):
            return
        if size <= self._left:
            self._left -= size
            self._items.append(output)
        else:
            self.write("stderr", _CUT)

    def take(self) -> list[dict[str, Any]]:
        """The outputs, with the pieces of each stream joined."""
        for item in self._items:
            if item["output_type"] == "stream":
                item["text"] = "".join(item["text"])
        return self._items


class Stream:
    """sys.stdout or sys.stderr, into whatever collects at the moment."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, write: Any) -> None:
        self.name = name
        self._write = write

    def write(self, text: str) -> int:
        """As for any text stream."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._write(self.name, text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """As for any text stream."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """No."""
        return False

    def writable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """No."""
        return False

    def fileno(self) -> int:
        """The C-level stream, for subprocesses; `CellShell` reads it after the cell."""
        return 1 if self.name == "stdout" else 2


class _Publisher(DisplayPublisher):
    shell: Any

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **_: Any) -> None:
        self.shell.outputs.add(
            {
                "output_type": "display_data",
                "data": _jsonable(data),
                "metadata": dict(metadata or {}),
            }
        )


class _Hook(DisplayHook):
    shell: Any
    _result: Any = None

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self._result = (format_dict, md_dict)

    def write_output_prompt(self) -> None:
        """No prompt."""

    def finish_displayhook(self) -> None:
        data, metadata = self._result or ({}, {})
        self._result = None
        self.shell.outputs.add(
            {
                "output_type": "execute_result",
                "execution_count": self.shell.running,
                "data": _jsonable(data),
                "metadata": dict(metadata or {}),
            }
        )


class CellShell(InteractiveShell):
    """Runs cells; `outputs` collects what the running one shows."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)
    outputs = Outputs(0)
    running = 0

    def enable_gui(self, gui: Any = None) -> None:
        """There is no screen; pictures go into the notebook."""

    def init_io(self) -> None:
        """The streams are set per process, in `take_streams`."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        self.outputs.add(
            {
                "output_type": "error",
                "ename": getattr(etype, "__name__", "Error"),
                "evalue": _text(evalue),
                "traceback": [str(line) for line in stb],
            }
        )

    def system(self, cmd: str) -> None:
        """`!command`, with its output in the notebook."""
        done = subprocess.run(  # noqa: S602 - the student's own command, in the student's jail
            self.var_expand(cmd, depth=1),  # type: ignore[no-untyped-call]
            shell=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.outputs.write("stdout", done.stdout.decode(errors="replace"))
        self.user_ns["_exit_code"] = done.returncode

    def take_streams(self) -> None:
        """From here on, what is printed goes to `outputs`, and C code prints into a file."""
        sys.stdout = Stream("stdout", lambda name, text: self.outputs.write(name, text))
        sys.stderr = Stream("stderr", lambda name, text: self.outputs.write(name, text))
        for fd in (1, 2):
            path = f"/tmp/.stream{fd}"  # noqa: S108 - the jail's own
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
            os.unlink(path)  # noqa: PTH108
            os.dup2(file, fd)
            os.close(file)

    def take_c_output(self, most: int) -> None:
        """Move what C code and subprocesses printed into `outputs`."""
        for fd, name in ((1, "stdout"), (2, "stderr")):
            size = os.fstat(fd).st_size
            if size:
                self.outputs.write(name, os.pread(fd, most, 0).decode(errors="replace"))
                os.ftruncate(fd, 0)

    def run(self, source: str, most: int) -> bool:
        """Run a cell. Returns whether it ended without an exception."""
        self.outputs, self.running = Outputs(most), self.execution_count
        result = self.run_cell(source, store_history=True)  # type: ignore[no-untyped-call]
        return bool(result.success)

    def shown(self, most: int) -> list[dict[str, Any]]:
        """The outputs of the cell that ran."""
        self.take_c_output(most)
        return self.outputs.take()


def make_shell() -> CellShell:
    """The shell of a zygote, warmed by one harmless cell of each kind."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.xmode = "Plain"
    shell = CellShell.instance(config=config)
    with contextlib.redirect_stdout(io.StringIO()):
        for source in ("1 + 1", "raise ValueError", "%time 1"):
            shell.run(source, 10_000)
    shell.reset(new_session=True)  # type: ignore[no-untyped-call]
    shell.execution_count = 1
    return shell


def _jsonable(data: Any) -> dict[str, Any]:
    return {
        str(kind): base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for kind, value in dict(data).items()
    }


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # a student's own __str__
        return ""
