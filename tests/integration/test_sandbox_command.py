"""The sandbox as a process of its own: `ticketing sandbox`."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.support.sandbox import held, sandbox_process, transport_to
from tests.support.wait import LIVENESS_SECONDS
from ticketing.payments.outcomes import Authorised, Captured
from ticketing.payments.sandbox import running_sandbox
from ticketing.payments.sandbox.__main__ import parser


async def ended(process: asyncio.subprocess.Process) -> int:
    await asyncio.wait_for(process.wait(), LIVENESS_SECONDS)
    assert process.returncode is not None
    return process.returncode


async def test_nothing_acknowledged_is_lost_when_it_is_killed(tmp_path: Path) -> None:
    async with (
        sandbox_process(tmp_path) as (process, base_url),
        transport_to(base_url) as stripe,
    ):
        outcomes = await asyncio.gather(
            *(
                stripe.authorise(
                    order_id=f"o{n}",
                    attempt=1,
                    amount_minor=2000,
                    currency="usd",
                    token="tok_visa",
                )
                for n in range(20)
            )
        )
        first = outcomes[0]
        assert isinstance(first, Authorised)
        captured = await stripe.capture(intent_id=first.intent_id, amount_minor=2000)
        process.kill()

    async with sandbox_process(tmp_path) as (process, base_url):
        async with transport_to(base_url) as stripe:
            again = await stripe.authorise(
                order_id="o1", attempt=1, amount_minor=2000, currency="usd", token="tok_visa"
            )
            intents = {intent["metadata"]["order_id"]: intent for intent in await held(base_url)}
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0

    assert isinstance(captured, Captured)
    assert again == outcomes[1]
    assert len(intents) == 20
    assert (intents["o0"]["status"], intents["o0"]["amount_received"]) == ("succeeded", 2000)
    assert intents["o2"]["idempotency_key"] == "order:o2:a1:authorise"


async def test_it_ends_with_the_process_it_was_given(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    more = ("--parent-pid", str(parent.pid))
    async with sandbox_process(tmp_path, None, *more) as (process, _):
        parent.kill()
        await asyncio.wait_for(parent.communicate(), LIVENESS_SECONDS)

        assert await ended(process) == 0


async def test_a_taken_folder_is_one_line_and_2(tmp_path: Path) -> None:
    async with (
        running_sandbox(tmp_path),
        sandbox_process(tmp_path, ready=False) as (process, _),
    ):
        _, errors = await asyncio.wait_for(process.communicate(), LIVENESS_SECONDS)

    assert process.returncode == 2
    assert errors.decode().startswith("sandbox: ")
    assert errors.count(b"\n") == 1


async def test_a_taken_port_is_one_line_and_2(tmp_path: Path) -> None:
    async with running_sandbox(tmp_path / "a") as base_url:
        more = ("--port", base_url.rpartition(":")[2])
        async with sandbox_process(tmp_path / "b", None, *more, ready=False) as (process, _):
            _, errors = await asyncio.wait_for(process.communicate(), LIVENESS_SECONDS)

    assert process.returncode == 2
    assert errors.decode().startswith("sandbox: ")
    assert errors.count(b"\n") == 1


async def test_what_its_user_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with running_sandbox(tmp_path):
            raise KeyError("mine")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, Path("var/sandbox")),
        ({"TICKETING_DATA_DIR": " "}, Path("var/sandbox")),
        ({"TICKETING_DATA_DIR": "/srv/tickets"}, Path("/srv/tickets/sandbox")),
    ],
)
def test_its_books_are_where_the_servers_sandbox_has_them(
    environment: dict[str, str], folder: Path
) -> None:
    assert parser(environment).parse_args([]).folder == folder
