"""What the other tests rely on: complaints are heard, clocks are wrong, nothing is left behind."""

import asyncio
from datetime import timedelta

from actors import SystemClock
from tests.browser.conftest import Visit
from tests.browser.visitors import Visitor
from tests.support.wait import until

COMPLAINTS = {
    "something is wrong": "console.error('something is wrong')",
    "uncaught: thrown": "setTimeout(() => { throw new Error('thrown'); })",
    "uncaught: rejected": "void Promise.reject(new Error('rejected'))",
    "policy violated: style-src": "document.body.setAttribute('style', 'color: red')",
    "policy violated: script-src": "document.body.setAttribute('onclick', 'void 0')",
    "policy violated: img-src": "new Image().src = 'http://127.0.0.1:9/x.png'",
}
"""What a page complains of, and what makes it."""


async def test_every_complaint_is_heard(visit: Visit) -> None:
    visitor = await visit(signed_in=False)
    await visitor.opens("/signin", "Sign in")
    for script in COMPLAINTS.values():
        await visitor.page.evaluate(f"() => {{ {script}; }}")

    def missing() -> set[str]:
        heard = "\n".join(visitor.desk.complaints)
        return {each for each in COMPLAINTS if each not in heard}

    await until(lambda: not missing(), f"all of {set(COMPLAINTS)} are heard")
    assert visitor.unexpected == visitor.desk.complaints
    visitor.expects(".")
    assert visitor.unexpected == []


async def test_a_clock_may_be_wrong(visit: Visit) -> None:
    ahead = timedelta(hours=1)
    visitor: Visitor = await visit(signed_in=False, clock_ahead=ahead)
    await visitor.opens("/signin", "Sign in")
    for now in ("Date.now()", "+new Date()", "performance.timeOrigin + performance.now()"):
        shown = await visitor.page.evaluate(now) / 1000
        off = shown - SystemClock().now().timestamp() - ahead.total_seconds()
        assert abs(off) < 5, now


async def test_who_sits_down_is_nobody_so_far(visit: Visit) -> None:
    first, second = await asyncio.gather(visit(), visit(signed_in=False))
    assert (await first.call("GET", "/api/users/currentuser"))["currentUser"] is not None
    assert (await second.call("GET", "/api/users/currentuser"))["currentUser"] is None
    await first.desk.clear()
    assert (await first.call("GET", "/api/users/currentuser"))["currentUser"] is None
    assert first.page.url == "about:blank"
