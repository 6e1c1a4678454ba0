"""Every action that changes something is tried before anybody relies on it."""

from __future__ import annotations

import ast
from pathlib import Path

import botocore.session
from botocore import xform_name

import provisioning.providers.ec2.permissions as permissions

_READS = ("Describe", "Get", "List", "Search")


def changing_operations() -> dict[str, str]:
    """EC2's operations that may change something: method name to action."""
    model = botocore.session.get_session().get_service_model("ec2")
    return {
        xform_name(name): f"ec2:{name}"
        for name in model.operation_names
        if not name.startswith(_READS)
    }


def named_in(folder: Path) -> set[str]:
    """All words in quotes in the code that talks to EC2, besides the trials themselves."""
    files = [file for file in folder.glob("*.py") if file.name != "permissions.py"]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_whatever_the_code_changes_is_tried() -> None:
    operations = changing_operations()
    used = {
        operations[word] for word in named_in(Path(permissions.__file__).parent) & set(operations)
    }
    machine = permissions.Machine("t3.large", "ami-0123456789abcdef0", "spot")
    launch = permissions.Launch("demo", (machine,), "vpc-1")
    tried = {trial.action.split(" ")[0] for trial in permissions.trials(launch)}
    assert used
    assert used <= tried, f"not tried: {sorted(used - tried)}"
