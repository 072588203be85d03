"""JSON Schema for editors, and the table of keys for the documentation: both from the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .checks import FIELDS, NOT_IN_DEFAULTS, REQUIRED
from .config_problem import DEFAULTS
from .models import Service


@dataclass(frozen=True)
class Key:
    """One key of a service, for the documentation."""

    name: str
    meaning: str
    needed: bool
    default: Any
    examples: tuple[Any, ...]


KEYS: dict[str, Key] = {
    name: Key(
        name,
        field.description or "",
        field.is_required(),
        None if field.is_required() else field.default,
        tuple(field.examples or ()),
    )
    for name, field in FIELDS.items()
}


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of services_config.json."""
    service = Service.model_json_schema()
    parts = service.get("$defs", {})
    properties = {name: _plain(part, parts) for name, part in service["properties"].items()}
    shared = {name: part for name, part in properties.items() if name not in NOT_IN_DEFAULTS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "services_config.json of the Inference Orchestrator",
        "type": "object",
        "additionalProperties": False,
        "required": ["Services"],
        "properties": {
            "$schema": {"type": "string", "description": "Where an editor finds this schema."},
            DEFAULTS: _object(shared, "Keys that apply to every service that lacks them.", ()),
            "Services": {
                "type": "array",
                "description": "The services, in the order in which they are shown.",
                "items": _object(properties, "One service.", ("name", "route_name")),
            },
        },
        # Without Defaults a service has to bring every needed key itself.
        "if": {"not": {"required": [DEFAULTS]}},
        "then": {"properties": {"Services": {"items": {"required": list(REQUIRED)}}}},
    }


def _plain(part: Any, parts: dict[str, Any]) -> Any:
    """In one piece, and without the titles that pydantic makes of names: editors show the names
    anyway."""
    if isinstance(part, list):
        return [_plain(item, parts) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _plain(parts[part["$ref"].rpartition("/")[2]], parts)
    return {key: _plain(value, parts) for key, value in part.items() if key != "title"}


def _object(
    properties: dict[str, Any], description: str, required: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }
