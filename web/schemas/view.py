"""What all views for administrators have in common."""

import msgspec

__all__ = ["View"]


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that is shown; camelCase outside."""
