"""The web client's page: for which addresses, with which policy, and how much of it is sent."""

import base64
import gzip
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from tests.functional.running_site import Answer, Site
from web.shell import PAGES
from web.static import CLIENT, Files

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
AN_ID = "0197a3c9-1f2e-7d3c-8b4a-5c6d7e8f9a0b"
ADDRESSES = [
    path.replace("{id}", AN_ID).replace("{kind}", "ticket").replace("{key}", AN_ID)
    for path in PAGES
]

TRANSFERRED_BYTES_MAX = 60_000

# As published on the package registry: vendored files are renewed, never edited.
VENDORED = {
    "htm-3.1.1/htm.mjs": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
    "preact-11.2.0/hooks.mjs": "e862ab2973aa6455eaa0f77c5d832d2157d6be59a17c8ba546550a575b58c6b4",
    "preact-11.2.0/preact.mjs": "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55",
    "preact-signals-2.11.4/signals.mjs": (
        "ba8177597f45acaca4d05dcf3966b527d0a8264cfa2b0a87ace92dff324217f8"
    ),
    "preact-signals-core-1.14.5/signals-core.mjs": (
        "0c80bc127d72ecb1496ef116ffddae75079829a3af01e7f417c8e5a6474c68b6"
    ),
    "uplot-1.6.32/uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uplot-1.6.32/uplot.mjs": "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
}


async def page(site: Site, path: str = "/", **headers: str) -> Answer:
    return await site.call("GET", path, headers={**BROWSER, **headers})


@pytest.mark.parametrize("path", ADDRESSES)
async def test_every_address_of_the_client_is_the_page(site: Site, path: str) -> None:
    answer = await page(site, path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert '<script type="module" src="/client/' in answer.body
    assert not re.search(r"\{\w+\}", re.sub("<script.*?</script>", "", answer.body))
    assert "//" not in answer.body.replace("<!", "").replace("://", "")  # Nothing from elsewhere.
    assert (await site.call("HEAD", path)).status == 200


async def test_what_a_browser_has_is_not_sent_again_and_a_change_is(site: Site) -> None:
    first = await page(site)
    again = await page(site, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, "")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (await page(site, **{"If-None-Match": 'W/"another"'})).status == 200


def directives(answer: Answer) -> dict[str, list[str]]:
    """The Content Security Policy, by directive."""
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {part.split(" ")[0]: part.split(" ")[1:] for part in parts}


async def test_the_policy_names_what_is_written_into_the_page_and_nothing_unsafe(
    site: Site,
) -> None:
    answer = await page(site)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    written = re.search(r'<script type="importmap">(.*?)</script>', answer.body, re.DOTALL)
    assert written is not None
    digest = base64.b64encode(sha256(written[1].encode()).digest()).decode()
    assert directives(answer)["script-src"] == ["'self'", f"'sha256-{digest}'"]
    inline = re.sub(r'<script type="importmap">.*?</script>', "", answer.body, flags=re.DOTALL)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", inline)
    for address in json.loads(written[1])["imports"].values():
        assert (await site.call("GET", address)).status == 200
    # What is no page of the client keeps the policy without the hash.
    assert "sha256" not in (await site.call("GET", "/docs")).headers["Content-Security-Policy"]


async def test_the_checkout_alone_lets_the_payment_provider_in(site: Site) -> None:
    usual, checkout = await page(site), await page(site, "/checkout/x")
    more = [site.sandbox]
    assert directives(checkout) == {
        **directives(usual),
        "script-src": directives(usual)["script-src"] + more,
        "connect-src": ["'self'", *more],
        "frame-src": more,
    }
    assert checkout.headers["Permissions-Policy"].endswith(f'payment=(self "{site.sandbox}")')
    assert checkout.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
    for path in (*ADDRESSES, "/docs", "/nothing", "/checkout/x/y"):
        if not re.fullmatch("/checkout/[^/]+", path):
            other = await page(site, path)
            assert site.sandbox not in str(other.headers), path
            assert other.headers["Permissions-Policy"].endswith("payment=()")
            assert other.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    again = await page(site, "/checkout/x", **{"If-None-Match": checkout.headers["ETag"]})
    assert again.status == 304
    assert directives(again) == directives(checkout)


@pytest.mark.parametrize("path", ["/nothing", "/tickets/x/y", "/events/", "/signin/now", "//x"])
async def test_an_unknown_address_is_a_page_for_browsers_and_a_problem_for_programs(
    site: Site, path: str
) -> None:
    shown = await page(site, path)
    assert (shown.status, shown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "pages/not-found.js" in shown.body
    for headers in ({}, {"Accept": "application/json"}, {"Accept": "text/html;q=0"}):
        told = await site.call("GET", path, headers=headers)
        assert (told.status, told.body["code"]) == (404, "not_found")


async def test_under_api_and_for_changes_everybody_is_a_program(site: Site) -> None:
    for method, path in (("GET", "/api/nothing"), ("POST", "/nothing"), ("GET", "/api/tickets/x")):
        told = await site.call(method, path, headers=BROWSER)
        assert (told.status, told.body["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/", "/events", "/signin", "/tickets/x", "/checkout/x"])
async def test_a_first_page_is_small_and_waits_for_no_chain_of_imports(
    site: Site, path: str
) -> None:
    """Everything that is loaded is named in the page; bodies and headers count."""
    shown = await page(site, path)
    named = re.findall(r'(?:src|href)="(/client/[^"]+)"', shown.body)
    icons = re.sub("/icon.svg$", "/glyphs.svg", next(each for each in named if "icon" in each))
    total = 0
    for address in [path, *named, icons]:
        headers = {**BROWSER, "Accept-Encoding": "gzip"}
        async with site.http.get(
            site.url + address, headers=headers, auto_decompress=False
        ) as answer:
            assert answer.status == 200
            body = await answer.read()
            total += len(body) + sum(
                len(name) + len(value) + 4 for name, value in answer.raw_headers
            )
            if answer.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
        for name in re.findall(r'^import\b[^"\'(;]*"(\.[^"]+)"', body.decode(), re.MULTILINE):
            assert any(each.endswith(name.rsplit("/", 1)[1]) for each in named), (address, name)
    # The answers of the interface, with a list of two dozen tickets, take less than what is left.
    # The checkout has no list, and the provider's script is not ours.
    assert total < TRANSFERRED_BYTES_MAX - (2_000 if path == "/checkout/x" else 4_000)


async def test_lists_are_compressed_for_who_takes_it(site: Site) -> None:
    seller = site.program()
    for number in range(12):
        await seller.sells(f"Compressed {number}")
    path = f"{site.url}/api/tickets?seller={seller.user_id}"
    sizes = []
    for accepted in ("gzip", "identity"):
        async with site.http.get(
            path, headers={"Accept-Encoding": accepted}, auto_decompress=False
        ) as answer:
            body = await answer.read()
            assert (answer.headers.get("Content-Encoding") == "gzip") == (accepted == "gzip")
            assert len(json.loads(gzip.decompress(body) if accepted == "gzip" else body)) == 12
            sizes.append(len(body))
    assert sizes[0] * 3 < sizes[1]


def test_the_browser_has_the_same_table_of_addresses() -> None:
    text = (CLIENT / "routes.js").read_text()
    named = dict(re.findall(r'const (\w+) = \(\) => import\("\./([^"]+)"\)', text))
    rows = re.findall(r'\["([^"]+)", (?:\(\) => import\("\./([^"]+)"\)|(\w+))\]', text)
    assert {path: module or named[name] for path, module, name in rows} == dict(PAGES)


def test_vendored_files_are_as_they_were_published() -> None:
    vendor = CLIENT / "vendor"
    found = {name: sha256((vendor / name).read_bytes()).hexdigest() for name in VENDORED}
    assert found == VENDORED
    for name in VENDORED:
        assert (vendor / name).with_name("LICENSE").is_file()


def test_lines_of_comment_are_not_sent_and_every_other_line_stays_where_it_is(
    tmp_path: Path,
) -> None:
    script = (
        "// Why.\n"
        "/**\n * @param {string} a\n */\n"
        'export const a = "// no comment"; // Beside code it stays.\n'
        "  /* one */\n"
        "a();\n"
    )
    (tmp_path / "a.js").write_text(script)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "b.js").write_text(script)
    files = Files(tmp_path)
    kept = 'export const a = "// no comment"; // Beside code it stays.\n'
    assert files.text("a.js") == f"\n\n\n\n{kept}\na();\n"
    assert files.text("vendor/b.js") == script


def test_no_template_has_a_line_that_looks_like_a_comment() -> None:
    """Such a line would not be sent."""
    for path in sorted(CLIENT.rglob("*.js")):
        if "vendor" not in path.parts:
            for template in re.findall(r"html`[^`]*`", path.read_text()):
                assert not re.search(r"^\s*(//|/\*)", template, re.MULTILINE), path
