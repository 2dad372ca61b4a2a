"""The Dockerfile, read: `make image` builds what it says and runs it."""

import re
import subprocess
from typing import NamedTuple

import pytest
import yaml

from tests.ship.manifests import ROOT, program

DOCKERFILE = ROOT / "Dockerfile"
PORT = "3000"


class Step(NamedTuple):
    word: str
    rest: str


def steps() -> list[Step]:
    """Its instructions, each on one line, without comments."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Step(*line.split(maxsplit=1)) for line in text.splitlines() if line]


def last_stage() -> list[Step]:
    found = steps()
    begin = max(at for at, step in enumerate(found) if step.word == "FROM")
    return found[begin:]


def only(word: str) -> str:
    (found,) = [step.rest for step in last_stage() if step.word == word]
    return found


def test_hadolint_has_nothing_to_say() -> None:
    told = subprocess.run(  # noqa: S603 - our own file
        [program("hadolint"), "--no-color", DOCKERFILE],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (0, "")


def test_the_base_is_a_version_and_slim() -> None:
    (default,) = [step.rest for step in steps() if step.word == "ARG"]
    assert re.fullmatch(r"PYTHON=3\.\d+\.\d+-slim-\w+", default)
    bases = [step.rest.split()[0] for step in steps() if step.word == "FROM"]
    assert bases == ["docker.io/library/python:${PYTHON}"] * 2


def test_everything_that_is_installed_is_locked() -> None:
    installing = [step.rest for step in steps() if "pip" in step.rest and " install " in step.rest]
    assert len(installing) == 2
    locked, ours = installing
    assert {"--require-hashes", "--no-deps", "--only-binary", "requirements.lock"} <= set(
        locked.split()
    )
    # What builds our own package is in the lock, and nothing is fetched for it.
    assert {"--no-index", "--no-build-isolation", "--no-deps"} <= set(ours.split())


def test_what_runs_is_not_root_and_finds_no_tools() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", only("USER"))
    (removing,) = [step.rest for step in last_stage() if step.word == "RUN"]
    assert "uninstall --yes --quiet --root-user-action ignore setuptools wheel pip" in removing
    assert "apt-get" not in DOCKERFILE.read_text()


def test_signals_reach_the_program() -> None:
    assert only("ENTRYPOINT") == '["ticketing"]'
    assert only("CMD") == '["serve"]'
    assert only("STOPSIGNAL") == "SIGTERM"
    assert "/livez" in only("HEALTHCHECK")
    assert "curl" not in only("HEALTHCHECK")


def test_its_port_is_that_of_the_manifests() -> None:
    assert only("EXPOSE") == PORT
    assert f"TICKETING_PORT={PORT}" in only("ENV")
    process = yaml.safe_load((ROOT / "k8s/base/patches/process.yaml").read_text())
    (container,) = process["spec"]["template"]["spec"]["containers"]
    assert [str(port["containerPort"]) for port in container["ports"]] == [PORT]


@pytest.mark.parametrize("name", ["var", ".git", ".venv", "tests", "requirements-dev.lock"])
def test_what_is_not_copied_is_not_even_looked_at(name: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert "*" in ignored
    assert f"!{name}" not in ignored
    copied = {word for step in steps() if step.word == "COPY" for word in step.rest.split()[:-1]}
    wanted = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert {word for word in copied if not word.startswith(("-", "/"))} == wanted
