"""Parameters as Stripe takes them: form-encoded, flat names such as `metadata[order_id]`.

Unknown names are refused, as Stripe does, so that a misspelt parameter cannot be overlooked.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["Form", "missing"]

# Stripe's limits on metadata: https://docs.stripe.com/metadata.
METADATA_ENTRIES_MAX: Final = 50
METADATA_KEY_MAX: Final = 40
METADATA_VALUE_MAX: Final = 500

_INTEGER = re.compile(r"-?[0-9]{1,18}\Z", re.ASCII)


class Form:
    """The parameters of one request. The last of two equal names counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = tuple(pairs)
        self._values: Mapping[str, str] = dict(self._pairs)

    def only(
        self,
        names: Collection[str],
        groups: Collection[str] = (),
        starts: tuple[str, ...] = (),
    ) -> None:
        """Refuse every parameter that is not one of *names*, in one of *groups* or under a start.

        `metadata[a]` is in the group `metadata`; a start is a whole beginning of a name.
        """
        for name in self._values:
            group, bracket, _ = name.partition("[")
            if name not in names and not (bracket and group in groups):
                if starts and name.startswith(starts):
                    continue
                raise Refusal(
                    f"Received unknown parameter: {name}", code="parameter_unknown", param=name
                )

    def text(self, name: str) -> str | None:
        """The value, or None when it is absent or empty."""
        return self._values.get(name) or None

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.match(value):
            raise Refusal(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
        return int(value)

    def positive(self, name: str) -> int | None:
        value = self.integer(name)
        if value is not None and value < 1:
            raise Refusal(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer",
                param=name,
            )
        return value

    def flag(self, name: str) -> bool:
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise Refusal(f"Invalid boolean: {value}", param=name)
        return value == "true"

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            raise Refusal(f"Invalid {name}: must be one of {', '.join(choices)}", param=name)
        return value

    def members(self, group: str) -> dict[str, str]:
        """The values of `group[a]`, `group[b]` and so on, by the name in the brackets."""
        start = f"{group}["
        return {
            name[len(start) : -1]: value
            for name, value in self._values.items()
            if name.startswith(start) and name.endswith("]")
        }

    def all(self, group: str) -> list[str]:
        """The values of a list: `group[]` as often as it comes, or `group[0]`, `group[1]`."""
        start = f"{group}["
        return [value for name, value in self._pairs if name.startswith(start)]

    def metadata(self) -> dict[str, str]:
        """The program's own notes on the object. An empty value means that there is none."""
        entries = {key: value for key, value in self.members("metadata").items() if value}
        if len(entries) > METADATA_ENTRIES_MAX:
            raise Refusal(f"At most {METADATA_ENTRIES_MAX} metadata keys", param="metadata")
        for key, value in entries.items():
            if len(key) > METADATA_KEY_MAX or len(value) > METADATA_VALUE_MAX:
                raise Refusal("Metadata is too long", param=f"metadata[{key}]")
        return entries


def missing(name: str) -> Refusal:
    return Refusal(f"Missing required param: {name}.", code="parameter_missing", param=name)
