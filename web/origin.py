"""Whose page sent this request: a browser's session may only be used by our own pages."""

from aiohttp import hdrs, web

from ticketing.settings import Settings
from web.refusals import ForeignOriginError

__all__ = ["is_own", "refuse_foreign"]


def is_own(origin: str, request: web.Request, settings: Settings) -> bool:
    """Whether *origin* is that of the web client."""
    if origin == settings.public_url:
        return True
    # While developing, the server is reached under whatever name the machine has.
    return settings.env != "production" and origin == f"http://{request.host}"


def refuse_foreign(request: web.Request, settings: Settings) -> None:
    """Refuse what another site's page had a browser send.

    Browsers always say so in one of two headers; a request with neither comes from a program.

    Raises:
        ForeignOriginError: it did.

    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise ForeignOriginError
        return
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and not is_own(origin, request, settings):
        raise ForeignOriginError
