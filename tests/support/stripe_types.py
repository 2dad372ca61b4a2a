"""Whether JSON is what the SDK's own types say, which are generated from Stripe's description."""

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import stripe

__all__ = ["check"]


def check(value: Mapping[str, Any], kind: type[stripe.StripeObject], at: str = "") -> None:
    """Every field has its type, none that must be there is missing, and none is unknown.

    Raises:
        AssertionError: it says where.

    """
    fields = {
        name: annotation
        for name, annotation in kind.__annotations__.items()
        if name != "OBJECT_NAME"
    }
    where = at or kind.__name__
    assert value.keys() <= fields.keys(), f"{where}: unknown {value.keys() - fields.keys()}"
    for name, annotation in fields.items():
        if name not in value:
            assert _fits(None, annotation, ""), f"{where}.{name} is missing"
        else:
            got = value[name]
            assert _fits(got, annotation, f"{where}.{name}"), f"{where}.{name}: {got!r}"


def _fits(value: object, annotation: Any, at: str) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return value is None
    if origin in (Union, types.UnionType):
        return any(_fits(value, each, at) for each in arguments)
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(_fits(each, arguments[0], at) for each in value)
    if isinstance(annotation, type) and not issubclass(annotation, stripe.StripeObject):
        return type(value) is annotation
    # An object: of a type of its own, of any content, or another resource that was expanded.
    if isinstance(annotation, type) and isinstance(value, dict) and annotation.__annotations__:
        check(value, annotation, at)
    return isinstance(value, dict)
