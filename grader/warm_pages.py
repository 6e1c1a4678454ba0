"""nbconvert's HTML exporter with a memory: it reads and compiles nine templates for every page,
which takes longer than the page."""

from __future__ import annotations

from typing import Any

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from nbconvert.exporters import HTMLExporter


class _Compiled(BytecodeCache):
    """Templates of this process; a template whose text has changed is compiled again."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class WarmPages(HTMLExporter):
    """Makes the same pages; what is configured for HTMLExporter holds for it too."""

    def _create_environment(self) -> Any:
        environment = super()._create_environment()  # type: ignore[no-untyped-call]
        environment.bytecode_cache = _COMPILED
        return environment
