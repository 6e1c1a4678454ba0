"""Read a YAML file into a frozen model; every mistake becomes one message with file, line and key.

What to write comes from the models: each field's `description` completes "write ...".
"""

from __future__ import annotations

import datetime
import difflib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from provisioning.errors import BadInput, Place
from provisioning.text_file import read_text
from provisioning.yaml_document import Location, YamlDocument, dotted, parse_yaml

M = TypeVar("M", bound=BaseModel)

MOST_BYTES = 64 * 1024


def read_spec(path: Path, model: type[M]) -> M:
    """The file as a `model`, or BadInput for the first mistake in it."""
    document = parse_yaml(path, read_text(path, most_bytes=MOST_BYTES))
    if document.data is None:
        raise BadInput(Place(path), "found an empty file", _least_file(model))
    if not isinstance(document.data, dict):
        place = Place(path, document.lines[()])
        raise BadInput(place, f"found {describe(document.data)}", _least_file(model))
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise _first_mistake(path, document, model, error) from None


def place_of(path: Path, key: str) -> Place:
    """Where a key of a readable file stands, for checks that need more than the file."""
    location = tuple(key.split("."))
    document = parse_yaml(path, read_text(path, most_bytes=MOST_BYTES))
    return Place(path, document.line(location), key)


def describe(value: object) -> str:
    """What a person wrote, in a few visible characters."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            shown = value if len(value) <= 40 else value[:39] + "…"
            return '"' + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown) + '"'
        case dict():
            return "keys and values"
        case list():
            return "a list"
        case datetime.datetime():
            return f"the time {value}"
        case datetime.date():
            return f"the date {value}"
        case _:
            return str(value)[:40]


def nearest(word: str, known: typing.Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    matches = difflib.get_close_matches(word.casefold(), list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _first_mistake(
    path: Path, document: YamlDocument, model: type[BaseModel], error: ValidationError
) -> BadInput:
    mistakes = [(_located(document, model, item)) for item in error.errors(include_url=False)]
    mistakes.sort(key=lambda mistake: mistake[0])
    line, key, found, write = mistakes[0]
    if (others := len(mistakes) - 1) > 0:
        found += f" (and {others} more mistake{'s' if others > 1 else ''} below)"
    return BadInput(Place(path, line or None, key or None), found, write)


def _located(
    document: YamlDocument, model: type[BaseModel], item: ErrorDetails
) -> tuple[int, str, str, str]:
    """Line (0 for the whole file), key, what was found, what to write."""
    location: Location = item["loc"]
    context = item.get("ctx", {})
    match item["type"]:
        case "extra_forbidden":
            found, write = f"found the unknown key `{location[-1]}`", _known_keys(model, location)
        case "missing":
            found, write = f"found no `{location[-1]}`", _missing(model, location)
        case "spec":
            location = (*location, *context["key"].split(".")) if context["key"] else location
            found, write = context["found"], context["write"]
        case "union_tag_invalid":
            location = (*location, _unquoted(context["discriminator"]))
            found = f"found {describe(context['tag'])}"
            write = f"write {_unquoted(context['expected_tags']).replace(', ', ' or ')}"
        case "union_tag_not_found" if isinstance(item["input"], dict):
            found = f"found no `{_unquoted(context['discriminator'])}`"
            write = f"write {_wanted(model, location)}"
        case _:
            found, write = f"found {describe(item['input'])}", f"write {_wanted(model, location)}"
    written = _walk(model, location)[1]
    return document.line(written) or 0, dotted(written), found, write


def _unquoted(text: str) -> str:
    """pydantic puts the names of tags in quotes."""
    return text.replace("'", "")


def _known_keys(model: type[BaseModel], location: Location) -> str:
    parent = _model_at(model, location[:-1])
    keys = [info.alias or name for name, info in parent.model_fields.items()]
    if meant := nearest(str(location[-1]), keys):
        return f"write `{meant}`"
    return f"write one of {', '.join(keys)}"


def _missing(model: type[BaseModel], location: Location) -> str:
    return f"write `{location[-1]}:` with {_wanted(model, location)}"


def _wanted(model: type[BaseModel], location: Location) -> str:
    """The description of the innermost field that has one."""
    wanted = "something else"
    for length in range(1, len(location) + 1):
        field = _field_at(model, location[:length])
        if field is not None and field.description:
            wanted = field.description
    return wanted


def _least_file(model: type[BaseModel]) -> str:
    needed = [info.alias or name for name, info in model.model_fields.items() if info.is_required()]
    return f"write at least {' and '.join(f'`{key}:`' for key in needed)}"


def _field_at(model: type[BaseModel], location: Location) -> FieldInfo | None:
    *parents, last = location
    return _field_of(_model_at(model, tuple(parents)), last)


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel]:
    """The model that describes this part of the file, or the nearest one around it."""
    return _walk(model, location)[0]


def _walk(model: type[BaseModel], location: Location) -> tuple[type[BaseModel], Location]:
    """The model at a location, and the location as people wrote it.

    Where one of several models was chosen by a tag, such as `provider: ec2`, pydantic puts the
    tag into the location; nobody wrote it there.
    """
    written: Location = ()
    choices: tuple[type[BaseModel], ...] = (model,)
    for part in location:
        if len(choices) > 1 and (tagged := _tagged(choices, part)):
            model, choices = tagged, (tagged,)
            continue
        written = (*written, part)
        if isinstance(part, str) and choices:
            field = _field_of(model, part)
            choices = _inner_models(field.annotation) if field else ()
            model = choices[0] if choices else model
    return model, written


def _field_of(model: type[BaseModel], key: str | int) -> FieldInfo | None:
    fields = model.model_fields.items()
    return next((info for name, info in fields if key in (name, info.alias)), None)


def _tagged(choices: tuple[type[BaseModel], ...], tag: str | int) -> type[BaseModel] | None:
    """The model of a union that has `tag` as the only value of one of its fields."""
    for choice in choices:
        for info in choice.model_fields.values():
            if typing.get_args(info.annotation) == (tag,):
                return choice
    return None


def _inner_models(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The models in `Model`, `Model | None`, `tuple[Model, ...]`, `ModelA | ModelB`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return (annotation,) if issubclass(annotation, BaseModel) else ()
    parts = typing.get_args(annotation)
    return tuple(dict.fromkeys(model for part in parts for model in _inner_models(part)))
