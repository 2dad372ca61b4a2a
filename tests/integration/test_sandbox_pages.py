"""What the sandbox serves to browsers: files, and what a browser may do with them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from ticketing.payments.sandbox import running_sandbox

# Any page may have the forms in it, as with the provider's own; what is held is shown alone.
DOCUMENTS = {"/v3/card": "*", "/v3/bank": "*", "/_sandbox": "'none'"}


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with running_sandbox(tmp_path) as base, aiohttp.ClientSession(base) as session:
        yield session


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_a_document_has_a_strict_policy_and_all_that_it_names_is_there(
    http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(path) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        policy = dict(
            part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
        )
        text = await answer.text()
        url = answer.url
    assert policy.pop("frame-ancestors") == DOCUMENTS[path]
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    named = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', text)
    assert len(named) == 2
    for name in named:
        async with http.get(url.join(type(url)(name))) as file:
            assert file.status == 200
            assert file.content_type in {"text/css", "text/javascript"}
            assert file.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_script_is_for_pages_of_any_origin(http: aiohttp.ClientSession) -> None:
    async with http.get("/v3.js") as answer:
        assert (answer.status, answer.content_type) == (200, "text/javascript")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Cache-Control"] == "no-store"
