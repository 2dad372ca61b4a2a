"""The exercise of docs/contributing.md, applied to a copy of the sources: it fits, and it works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATCH = ROOT / "docs" / "exercise.patch"

# With what mypy knows of them from `make check`: so it looks at what has changed.
SOURCES = ("actors", "ticketing", "web", "migrations", "tests", "pyproject.toml", "docs",
           ".mypy_cache")  # fmt: skip

# The new field over REST, its words in the golden files, and the migration against schema.sql.
TESTS = ("tests/functional/test_gate.py", "tests/unit/domain/test_stored_words.py",
         "tests/integration/test_migrations.py")  # fmt: skip


def run(folder: Path, *command: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"


def test_a_field_is_added_to_a_ticket_as_the_exercise_says(tmp_path: Path) -> None:
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in SOURCES:
        source = ROOT / name
        if not source.exists():
            continue  # Nobody has asked mypy yet.
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=skip)
        else:
            shutil.copy(source, tmp_path / name)
    run(tmp_path, "git", "apply", "--whitespace=error", str(PATCH))
    run(tmp_path, sys.executable, "-m", "ruff", "check", "--no-cache", ".")
    run(tmp_path, sys.executable, "-m", "mypy")
    run(tmp_path, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
