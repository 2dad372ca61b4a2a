"""Every command in the documents is named with what runs it, or marked with why not.

Blocks of `sh` in the README and in docs/api.md are run as they are (`test_readme`). What else is
told to be typed is named here, with the test that runs it; what no test can run has a line before
it such as `<!-- not run: needs a cluster -->`. Whatever is told in passing at least exists.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ticketing.__main__ import _parser

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
PASTED = {ROOT / "README.md", ROOT / "docs" / "api.md"}

BLOCK = re.compile(
    r"(<!-- not run: [^>]+ -->\n)?^```(sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL
)

# Command, the file that runs it, and what it says there.
RUN_BY: Final = {
    "make run": ("tests/functional/test_readme.py", '"make", "-sC", str(ROOT), "run"'),
    "make install": (".ci/run", "make test"),  # Which installs first.
    "make test": (".ci/run", "make test"),
    ".venv/bin/ruff check .": ("Makefile", "ruff check ."),
    ".venv/bin/mypy": ("Makefile", "mypy"),
    ".venv/bin/pytest tests/unit": ("Makefile", "pytest"),
    "ticketing serve --processes 4": ("tests/browser/test_killed_processes.py", "--processes"),
    ".venv/bin/ticketing demo": ("tests/functional/test_demo.py", "demo"),
    "ticketing backup FILE": ("tests/ship/test_backup.py", "backup"),
    "ticketing restore FILE": ("tests/ship/test_backup.py", "restore"),
}


def commands() -> Iterator[tuple[Path, str]]:
    """What readers are told to type, and no mark excuses."""
    for document in DOCUMENTS:
        for mark, kind, block in BLOCK.findall(document.read_text()):
            if not mark and not (kind == "sh" and document in PASTED):
                for line in block.splitlines():
                    yield document, line.removeprefix("$ ").partition("#")[0].strip()


def test_there_are_some() -> None:
    assert {"make run", "ticketing backup FILE"} <= {command for _, command in commands()}


@pytest.mark.parametrize(("document", "command"), list(commands()), ids=str)
def test_a_command_is_run_by_a_test_or_marked(document: Path, command: str) -> None:
    assert command in RUN_BY, f"{document.name}: run it in a test and name that here, or mark it"
    file, text = RUN_BY[command]
    assert text in (ROOT / file).read_text(), f"{file} does not run it any more"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_what_is_told_in_passing_exists(document: Path) -> None:
    text = document.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = set(re.findall(r"`make ([a-z-]+)", text))
    assert told <= targets, told - targets
    known = set(re.findall(r"^    ([a-z]+)", _parser().format_help(), re.MULTILINE))
    told = set(re.findall(r"`(?:\.venv/bin/)?ticketing ([a-z]+)", text))
    assert told <= known, told - known
