"""axe-core in a page, or in a frame of it: what is in the way of people with a disability."""

from pathlib import Path
from typing import Any, Final

from playwright.async_api import Frame, Page

__all__ = ["faults", "faults_of_colour"]

_PROGRAM: Final = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"

_RUN: Final = """
(rules) => axe.run(document, { runOnly: rules, resultTypes: ["violations"] })
"""

_ALL: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""The standards that we hold ourselves to, and what axe's authors advise beyond them."""

_OF_COLOUR: Final = ("color-contrast", "link-in-text-block")
"""What other colours of the same page may break."""


async def faults(page: Page | Frame) -> list[str]:
    """What is wrong with *page*, or a frame of it, as it is now; one line a fault."""
    return await _run(page, _ALL)


async def faults_of_colour(page: Page | Frame) -> list[str]:
    """What is wrong with its colours."""
    return await _run(page, _OF_COLOUR)


async def _run(page: Page | Frame, rules: tuple[str, ...]) -> list[str]:
    if not await page.evaluate("() => 'axe' in window"):
        # By the protocol, not as a tag of the page: its policy allows no script but its own.
        await page.evaluate(f"{_PROGRAM.read_text()}\n;undefined")
    found = await page.evaluate(_RUN, rules)
    return [_line(rule, node) for rule in found["violations"] for node in rule["nodes"]]


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(node["failureSummary"].split())
    return f"{rule['id']} at {node['target']}: {node['html'][:200]} - {why}"
