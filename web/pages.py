"""Pages of a list: opaque cursors, and the header that leads to the next page."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from web.fields import is_id
from web.refusals import Fault, InvalidInputError

__all__ = ["Position", "cursor", "decode", "link_next"]


class Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """After which entry a page begins: of which order, at which value, and which entry."""

    sort: str
    value: Annotated[int, Meta(ge=0, le=2**63 - 1)]  # What the database's bigint holds.
    id: str


_decoder = msgspec.json.Decoder(Position)


def cursor(sort: str, key: tuple[datetime | int, str]) -> str:
    """The text that stands for the place of *key* in the order *sort*."""
    value, entry = key
    number = _microseconds(value) if isinstance(value, datetime) else value
    position = msgspec.json.encode(Position(sort, number, entry))
    return base64.urlsafe_b64encode(position).decode().rstrip("=")


def decode(text: str, sort: str, *, instants: bool) -> tuple[Any, str]:
    """The key that `cursor` was given; as an instant and an id if the order is by *instants*.

    Raises:
        InvalidInputError: it is no cursor of ours, or one of another order.

    """
    try:
        position = _decoder.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        value = _instant(position.value) if instants else position.value
    except (ValueError, OverflowError):
        raise _no_cursor() from None
    if position.sort != sort or not is_id(position.id):
        raise _no_cursor()
    return value, position.id


def _no_cursor() -> InvalidInputError:
    return InvalidInputError([Fault("after must be the cursor of a page in this order", "after")])


def link_next(request: web.Request, response: web.Response, after: str) -> None:
    """Point to the next page: the same request, after the last entry of this one."""
    url = request.rel_url.update_query(after=after)
    response.headers[hdrs.LINK] = f'<{url.raw_path_qs}>; rel="next"'


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(instant: datetime) -> int:
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _instant(microseconds: int) -> datetime:
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
