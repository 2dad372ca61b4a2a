"""What the README prints, works as printed."""

import asyncio
import json
import re
from pathlib import Path

from tests.support import server

README = Path(__file__).parents[2] / "README.md"
SHORT = {"TICKETING_RESERVATION_SECONDS": "5"}


def script() -> str:
    """All lines the README says to paste, in order, each answer on a line of its own."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).splitlines()
    return "\n".join(f"{line}; echo" if line.startswith("curl") else line for line in lines)


async def test_the_lines_of_the_readme_end_in_a_sold_ticket_and_in_a_lapsed_one(
    data_dir: Path, tmp_path: Path
) -> None:
    async with server.running(data_dir, tmp_path / "log", SHORT) as running:
        process = await asyncio.create_subprocess_exec(
            "sh", "-e", "-c", script().replace("http://127.0.0.1:8000", running.url),
            stdout=asyncio.subprocess.PIPE, cwd=tmp_path,
        )  # fmt: skip
        printed, _ = await process.communicate()
    answers = [json.loads(line) for line in printed.splitlines() if line]
    assert process.returncode == 0
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
