"""An attendee of the Arm machine: PORT, then a request per line and an answer per line, as JSON.

Runs in the deployment environment. What `run` is given is a shell script that the attendee's own
machine code runs over there; a lab's code could do the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tvm import rpc

PROBE = """
#include <stdint.h>
#include <stdlib.h>
typedef struct { int32_t kind; uint32_t unused; int64_t value; } Any;
int32_t __tvm_ffi_run(void *self, const Any *given, int32_t count, Any *result) {
    result->kind = 1;
    result->unused = 0;
    result->value = system("/bin/sh /tmp/script > /tmp/said 2>&1");
    return 0;
}
"""


def connect(key: str) -> Any:
    session = rpc.connect("127.0.0.1", int(sys.argv[1]), key=key)
    session.upload(str(code))
    session.run = session.load_module(code.name)["run"]
    return session


def run(session: Any, script: str) -> str:
    session.upload(bytearray(script.encode()), target="script")
    session.run()
    return session.download("said").decode()


code = Path("probe.so")
compiler = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(code)]
subprocess.run(compiler, input=PROBE.encode(), check=True)
sessions: dict[str, Any] = {}
for line in sys.stdin:
    asked = json.loads(line)
    name = asked["session"]
    try:
        if "key" in asked:
            sessions[name] = connect(asked["key"])
            answer = "connected"
        elif "script" in asked:
            answer = run(sessions[name], asked["script"])
        else:
            del sessions[name]
            answer = "closed"
        print(json.dumps({"said": answer}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)[-300:]}), flush=True)
