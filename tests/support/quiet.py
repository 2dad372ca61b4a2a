"""Silence: what fails on purpose is not logged."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        processors=[_dropped],
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _dropped(*_: object) -> NoReturn:
    raise structlog.DropEvent
