"""What the Zero to JupyterHub chart accepts: checked before anybody runs Helm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provisioning.errors import BadInput, Place
from provisioning.yaml_document import parse_yaml

#: The chart's version that our own list of keys was made for.
CHART = "4.3.3"
_KEYS = Path(__file__).with_name("chart_keys.yaml")


def own_schema() -> dict[str, Any]:
    """The keys that we write and their types, as the chart's own schema has them."""
    return dict(parse_yaml(_KEYS, _KEYS.read_text()).data)


def read_schema(file: Path) -> dict[str, Any]:
    """A values.schema.json as the chart brings it. BadInput when it is none."""
    try:
        schema = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(Place(file), f"found {error}", _WANTED) from error
    if not isinstance(schema, dict) or "properties" not in schema:
        raise BadInput(Place(file), "found no schema", _WANTED)
    return schema


def mistakes(values: dict[str, Any], schema: dict[str, Any]) -> tuple[str, ...]:
    """What a schema has against the values, one sentence for each.

    What is missing is no mistake: Helm fills in the chart's own values before it looks.
    """
    # Only who exports needs it.
    from jsonschema import Draft7Validator

    errors = Draft7Validator(_without_required(schema)).iter_errors(values)
    return tuple(sorted(_sentences(errors)))


def _sentences(errors: Any) -> Iterator[str]:
    for error in errors:
        place = ".".join(str(part) for part in error.absolute_path)
        yield f"{place or 'the values'}: {error.message}"


def _without_required(schema: Any) -> Any:
    match schema:
        case dict():
            kept = {key: value for key, value in schema.items() if not _demands(key, value)}
            return {key: _without_required(value) for key, value in kept.items()}
        case list():
            return [_without_required(each) for each in schema]
        case _:
            return schema


def _demands(key: str, value: Any) -> bool:
    """`required` as a keyword; a property of that name has a schema of its own."""
    return key == "required" and isinstance(value, list)


_WANTED = (
    "name the values.schema.json of the chart: "
    f"helm pull jupyterhub --repo https://hub.jupyter.org/helm-chart --version {CHART} --untar"
)
