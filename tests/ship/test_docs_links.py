"""What the documents point to is there: files, headings, and the names they tell of files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks" / "README.md"])

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

# A link to a file, and right after it a name in it: [web/routing.py](../web/routing.py) `Route`.
NAMED = re.compile(r"\[[^\]]+\]\(([^)\s]+\.(?:py|js))\)\s+`(\w+)(?:\.\w+)?`")


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """What a heading is called in an address, as GitHub does it."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_name_is_in_its_file(document: Path) -> None:
    missing = [
        f"{name} in {path}"
        for path, name in NAMED.findall(prose(document))
        if not re.search(rf"\b{name}\b", (document.parent / path).read_text())
    ]
    assert missing == []


def test_the_tour_names_what_it_points_to() -> None:
    """Every second name at least is told in a way that is checked."""
    text = prose(ROOT / "docs" / "tour.md")
    assert len(NAMED.findall(text)) >= 8
    for owner, name in re.findall(r"`([A-Z]\w+)\.(\w+)`", text):
        files = re.findall(r"\]\(\.\./([\w/]+\.py)\)", text)
        assert any(
            re.search(rf"class {owner}\b.*?def {name}\b", (ROOT / file).read_text(), re.DOTALL)
            for file in files
        ), f"{owner}.{name}"
