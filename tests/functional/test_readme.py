"""What the README and docs/api.md tell readers to paste works, from `make run` on."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.support import server

ROOT = Path(__file__).parents[2]
SHORT = {"TICKETING_RESERVATION_SECONDS": "5"}
# As somebody types it, also where it is `make test` that runs this.
MAKE_RUN = ("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-sC", str(ROOT), "run")
_BLOCKS = re.MULTILINE | re.DOTALL


def script(document: Path) -> str:
    """All lines that *document* says to paste, in order, each answer on a line of its own."""
    text = re.sub(r"<!-- not run: [^>]+ -->\n```.*?^```", "", document.read_text(), flags=_BLOCKS)
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, _BLOCKS)).splitlines()
    return "\n".join(f"{line}; echo" if line.startswith("curl") else line for line in lines)


async def answers_to(document: Path, running: server.Server, folder: Path) -> list[Any]:
    """What its lines print, pasted into a shell."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-e", "-c", script(document).replace("http://127.0.0.1:8000", running.url)
        .replace(".venv/bin/python", sys.executable),
        stdout=asyncio.subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in printed.splitlines() if line]


async def test_the_lines_of_the_readme_end_in_a_sold_ticket_and_in_a_lapsed_one(
    data_dir: Path, tmp_path: Path
) -> None:
    async with server.running(data_dir, tmp_path / "log", SHORT, command=MAKE_RUN) as running:
        answers = await answers_to(ROOT / "README.md", running, tmp_path)
        of_the_api = await answers_to(ROOT / "docs" / "api.md", running, tmp_path)
    signed_up, (listed, refused, declined, paid, sold), (reserved, free, order) = (
        answers[:3], answers[3:8], answers[8:],
    )  # fmt: skip
    assert [answer["email"] for answer in signed_up] == [
        "sam@example.com", "kim@example.com", "lee@example.com",
    ]  # fmt: skip
    assert (listed["status"], listed["price"]) == ("available", 19.99)
    assert (refused["code"], refused["status"]) == ("ticket_unavailable", 409)
    assert (declined["code"], declined["attemptsLeft"]) == ("payment_declined", 4)
    assert paid["status"] == "captured"
    assert sold["status"] == "sold"
    assert (reserved["status"], free["status"]) == ("reserved", "available")
    assert (order["status"], order["cancelReason"]) == ("cancelled", "expired")
    (
        _, _, me, edited, listed, next_listed, shown, placed, paid, complete, free, own, invalid,
        nobody, welcome, subbed,
    ) = of_the_api  # fmt: skip
    assert me["currentUser"]["email"] == "ann@example.com"
    assert (edited["price"], edited["version"], shown["price"]) == (38.5, 2, 38.5)
    assert len(listed) == len(next_listed) == 1
    assert listed[0]["id"] != next_listed[0]["id"]
    assert placed["status"] == "created"
    assert (paid["status"], complete["id"], complete["status"]) == (
        "captured", placed["id"], "complete",
    )  # fmt: skip
    assert free["status"] == "available"
    assert own["code"] == "own_ticket"
    assert {entry["field"] for entry in invalid["errors"]} == {"title", "price"}
    assert nobody["status"] == 401
    assert (welcome["op"], subbed["op"]) == ("welcome", "subbed")
    assert subbed["items"][0]["id"] == free["id"]
