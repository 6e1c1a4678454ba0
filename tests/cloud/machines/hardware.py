"""Programs that say what hardware a host has: stand-ins for GPUs and for an Arm processor."""

from __future__ import annotations

import json

from tests.cloud.machines_protocol import Gpu

NVIDIA_SMI = '''#!/usr/bin/python3 -IS
"""Stand-in for nvidia-smi: knows `-L` and `--query-gpu=... --format=csv[,noheader][,nounits]`."""
import sys

GPUS = {gpus}
DRIVER = "580.95.05"
options = dict(part.partition("=")[::2] for part in sys.argv[1:])
shape = options.get("--format", "csv").split(",")
unit = "" if "nounits" in shape else " MiB"
if "-L" in options or "--list-gpus" in options:
    for index, (name, _) in enumerate(GPUS):
        print(f"GPU {{index}}: {{name}} (UUID: GPU-00000000-0000-0000-0000-{{index:012}})")
elif "--query-gpu" in options:
    fields = options["--query-gpu"].split(",")
    if "noheader" not in shape:
        print(", ".join(fields))
    for index, (name, memory) in enumerate(GPUS):
        values = {{
            "index": index, "name": name, "gpu_name": name, "count": len(GPUS),
            "memory.total": f"{{memory}}{{unit}}", "memory.used": f"0{{unit}}",
            "memory.free": f"{{memory}}{{unit}}", "driver_version": DRIVER,
            "uuid": f"GPU-00000000-0000-0000-0000-{{index:012}}", "utilization.gpu": "0",
        }}
        print(", ".join(str(values[field.strip()]) for field in fields))
elif options:
    sys.exit(f"stand-in for nvidia-smi: {{sys.argv[1:]}} is not known here")
else:
    print(f"NVIDIA-SMI {{DRIVER}}    Driver Version: {{DRIVER}}    CUDA Version: 13.0")
    for index, (name, memory) in enumerate(GPUS):
        print(f"|   {{index}}  {{name}}   0MiB / {{memory}}MiB |")
'''
UNAME = """#!/bin/sh
# Stand-in for an Arm processor: says that there is one. Programs still need x86_64.
/usr/bin/uname "$@" | sed s/x86_64/aarch64/g
"""


def hardware_files(architecture: str, gpus: tuple[Gpu, ...]) -> dict[str, tuple[bytes, int]]:
    """Path below / -> (content, mode)."""
    files: dict[str, tuple[bytes, int]] = {}
    if gpus:
        listed = json.dumps([[gpu.name, gpu.memory_mb] for gpu in gpus])
        files["usr/bin/nvidia-smi"] = (NVIDIA_SMI.format(gpus=listed).encode(), 0o755)
    if architecture == "arm64":
        files["usr/local/bin/uname"] = (UNAME.encode(), 0o755)
        files["usr/local/bin/arch"] = (b"#!/bin/sh\necho aarch64\n", 0o755)
    return files
