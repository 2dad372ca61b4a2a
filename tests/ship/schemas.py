"""What an object of Kubernetes has to look like: its own schemas, and ours for custom resources."""

from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import yaml

from tests.ship.manifests import Object

# The oldest that we say the manifests are for.
VERSION: Final = "1.33"

_CUSTOM: Final[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("custom_resources.yaml").read_text()
)
_SCHEMA_WORDS: Final = {"type", "enum", "additionalProperties"}


def refuse_unless_valid(an_object: Object) -> None:
    """Every field is known, and of the right type.

    Raises:
        kubernetes_validate.ValidationError, jsonschema.ValidationError: it is not.
        KeyError: it is of a kind that nobody knows.

    """
    version, kind = an_object["apiVersion"], an_object["kind"]
    if f"{version}/{kind}" in _CUSTOM:
        schema = _strict(_CUSTOM[f"{version}/{kind}"])
        jsonschema.validate(an_object["spec"], schema)
        return
    try:
        kubernetes_validate.validate(an_object, VERSION, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        raise KeyError(f"{version}/{kind}") from None


def _strict(short: Any) -> Any:
    """A schema in full: an object is the fields that are named and none else."""
    if isinstance(short, list):
        (item,) = short
        return {"type": "array", "items": _strict(item)}
    if _SCHEMA_WORDS & set(short) and not isinstance(short.get("type"), dict):
        return short
    fields = {name: _strict(each) for name, each in short.items()}
    return {"type": "object", "properties": fields, "additionalProperties": False}
