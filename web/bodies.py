"""Reading a body, within limits: JSON in UTF-8, not compressed, 64 KiB at most."""

import asyncio
from typing import Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from web.input import parse_json
from web.refusals import (
    BodyTooLargeError,
    BodyTooSlowError,
    Fault,
    InvalidInputError,
    UnsupportedMediaTypeError,
)

__all__ = ["BODY_BYTES_MAX", "read", "read_json"]

# A body of 64 KiB takes 7 s over the slowest line that anybody shops with (GPRS, 80 kbit/s).
_SECONDS: Final = 15.0

BODY_BYTES_MAX: Final = 64 * 1024  # The largest request that makes sense here is under 4 KiB.


async def read(request: web.Request) -> bytes:
    """The body; empty if there is none.

    Raises:
        BodyTooLargeError: more than `BODY_BYTES_MAX`; hardly more than that was read.
        BodyTooSlowError: it did not arrive in time.
        InvalidInputError: the transfer itself is malformed.

    """
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise BodyTooLargeError
    if not request.can_read_body:
        return b""
    try:
        # Stops at the application's `client_max_size`.
        if request.content.is_eof():  # All of it has come with the headers, as it mostly does.
            return await request.read()
        async with asyncio.timeout(_SECONDS):
            return await request.read()
    except TimeoutError:
        raise BodyTooSlowError from None
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLargeError from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise InvalidInputError([Fault("The body could not be read")]) from None


async def read_json(request: web.Request, *, optional: bool) -> tuple[bytes, dict[str, object]]:
    """The body, and the JSON object in it. An *optional* one that is missing reads as `{}`.

    Raises:
        BodyTooLargeError, UnsupportedMediaTypeError, InvalidInputError

    """
    if request.can_read_body:
        _refuse_other_media_types(request)
    raw = await read(request)
    return raw, {} if optional and not raw else parse_json(raw)


def _refuse_other_media_types(request: web.Request) -> None:
    # Compressed bodies are not taken: a few bytes could unpack to anything.
    is_encoded = request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity"
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in {"utf-8", "utf8"}:
        raise UnsupportedMediaTypeError
    if is_encoded:
        raise UnsupportedMediaTypeError("The body must not be compressed")
