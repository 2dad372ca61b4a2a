"""The description of the interface as a page, and the files that browsers get."""

import gzip
import re
from hashlib import sha256
from pathlib import Path

import pytest

from tests.functional.running_site import Answer, Site
from tests.support import chromium
from web.static import CLIENT, Files

# As published in swagger-ui-dist 5.35.0: vendored files are renewed, never edited.
VENDORED = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}

EXAMPLE = """
(() => {
  const call = document.querySelector("#operations-%s");
  const open = call.querySelector(".opblock-summary-control");
  if (!call.classList.contains("is-open")) open.click();
  const example = call.querySelector(".opblock-section-request-body .highlight-code");
  return example && example.innerText;
})()
"""
TRIED = """
(() => {
  const call = document.querySelector("#operations-%s");
  if (!call.classList.contains("is-open")) call.querySelector(".opblock-summary-control").click();
  const start = call.querySelector(".try-out__btn:not(.cancel)");
  if (start) start.click();
  const send = call.querySelector(".execute:not([disabled])");
  const answer = call.querySelector(".live-responses-table tbody .response-col_status");
  if (send && !answer) send.click();
  return answer && answer.innerText;
})()
"""


async def files_of_the_page(site: Site) -> list[str]:
    page = await site.call("GET", "/docs")
    assert page.status == 200
    return re.findall(r'(?:src|href)="(/client/[^"]+)"', page.body)


async def read(site: Site, path: str, **headers: str) -> tuple[Answer, bytes]:
    async with site.http.get(site.url + path, headers=headers, auto_decompress=False) as response:
        return Answer(response.status, response.headers.copy(), None), await response.read()


async def test_the_page_is_html_and_keeps_nothing(site: Site) -> None:
    page = await site.call("GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    assert "{files}" not in page.body
    assert "//" not in re.sub("<!.*?>", "", page.body)  # Nothing from anywhere else.


async def test_its_files_are_kept_for_good_and_have_the_headers_of_every_answer(site: Site) -> None:
    types = set()
    for path in await files_of_the_page(site):
        answer, _ = await read(site, path)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        types.add(answer.headers["Content-Type"])
    script, style = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
    assert types == {script, style, "image/svg+xml"}


async def test_what_a_browser_has_is_not_sent_again(site: Site) -> None:
    path = (await files_of_the_page(site))[0]
    first, _ = await read(site, path)
    again, body = await read(site, path, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other, _ = await read(site, path, **{"If-None-Match": '"other"'})
    assert other.status == 200


async def test_another_release_gets_the_file_but_not_for_good(site: Site) -> None:
    answer, body = await read(site, "/client/older/icon.svg")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert body == (CLIENT / "icon.svg").read_bytes()


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [("gzip, br", True), ("br;q=1, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False)],
)
async def test_large_files_are_compressed_for_who_takes_it(
    site: Site, *, accepted: str, is_compressed: bool
) -> None:
    path = "/client/any/vendor/swagger-ui/swagger-ui-bundle.js"
    answer, body = await read(site, path, **{"Accept-Encoding": accepted})
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_compressed
    text = gzip.decompress(body) if is_compressed else body
    assert sha256(text).hexdigest() == VENDORED["swagger-ui-bundle.js"]


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        "docs.html",
        "../app.py",
        "%2e%2e/app.py",
        "vendor",
        "vendor/swagger-ui/",
        "%00",
    ],
)
async def test_nothing_else_can_be_read(site: Site, path: str) -> None:
    assert (await site.call("GET", f"/client/any/{path}")).status in {400, 404}


def test_vendored_files_are_as_they_were_published() -> None:
    folder = CLIENT / "vendor" / "swagger-ui"
    found = {name: sha256((folder / name).read_bytes()).hexdigest() for name in VENDORED}
    assert found == VENDORED
    assert {path.name for path in folder.iterdir()} >= {"LICENSE", "NOTICE", "README.md"}


def test_a_change_of_any_file_is_another_release(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "page.html").write_text("<script src={files}/deep/a.js></script>")
    (tmp_path / "deep" / "a.js").write_text("one")
    first = Files(tmp_path)
    assert first.page("page.html") == f"<script src=/client/{first.release}/deep/a.js></script>"
    assert Files(tmp_path).release == first.release
    (tmp_path / "deep" / "a.js").write_text("two")
    assert Files(tmp_path).release != first.release


@pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium on this machine")
async def test_a_browser_renders_it_and_tries_it_out_without_a_complaint(
    site: Site, tmp_path: Path
) -> None:
    async with chromium.opened(tmp_path) as page:
        for width in (1280, 390):
            await page.go(f"{site.url}/docs", width=width)
            await page.until('document.querySelectorAll(".opblock").length >= 20')
            example = await page.until(EXAMPLE % "orders-orders_place")
            assert '"ticketId"' in example
            assert await page.until(TRIED % "discovery-discovery_config") == "200"
            assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert await page.until(TRIED % "users-users_sign_out") == "200"  # It is our own page.
        assert page.complaints == []
        # A check that hears nothing proves nothing: what the policy forbids is a complaint.
        await page.run("document.body.setAttribute('style', 'color: red')")
        await page.until("document.readyState === 'complete'")
        assert "style-src" in "".join(page.complaints)
