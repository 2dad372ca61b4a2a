"""What the sandbox serves to browsers."""

from aiohttp import web

__all__ = ["add_browser_routes"]


def add_browser_routes(app: web.Application) -> None:
    """Add the routes."""
    del app
