"""Two gateways on one line, which loses what it is told to lose."""

from datetime import timedelta

from actors.linked_bus import CHANGES, LinkedBus
from tests.support.live_world import EVENTS, Market
from tests.support.lossy_link import LossyLine, LossyLink
from tests.support.wait import until
from ticketing.auth import AccountState
from ticketing.auth.tokens import Claims
from ticketing.orders import OrderState
from ticketing.tickets import TicketState
from ticketing.topics import shown, topics_of
from ticketing.values import UserId

__all__ = ["OTHER_EVENT", "Gateway", "claims", "two"]

TYPES = {"ticket": TicketState, "order": OrderState, "account": AccountState}
OTHER_EVENT = f"event:{EVENTS[1]}"


class Gateway(Market):
    """A node: it owns some actors and has clients."""

    link: LossyLink

    def __init__(self, line: LossyLine, name: str, beside: Market | None, seed: int = 0) -> None:
        link = line.link()
        clock = Market().clock if beside is None else beside.clock
        bus = LinkedBus(topics_of, link, name, clock=clock, state_types=TYPES, shown=shown)
        super().__init__(seed, bus=bus, link=link, beside=beside)
        self.clock = clock
        self.all: list[Gateway] = beside.all if isinstance(beside, Gateway) else []
        self.all.append(self)
        link.hear(CHANGES, bus._heard)
        link.when_back(bus.lost)

    def beat(self) -> None:
        assert isinstance(self.bus, LinkedBus)
        self.bus.beat()

    async def catch_up(self) -> None:
        """Read all that is in doubt, and tell it."""
        await until(lambda: not self.hub.resync.is_running, "everything is read", every=0)
        await self.hub.rounds.flush()


async def two(seed: int = 0) -> tuple[LossyLine, Gateway, Gateway]:
    line = LossyLine()
    here = Gateway(line, "here", None, seed)
    there = Gateway(line, "there", here, seed + 1)
    await here.revocations.open()
    await there.revocations.open()
    return line, here, there


def claims(market: Market, *, epoch: int | None = 0, session: str = "first") -> Claims:
    now = market.clock.now()
    return Claims(
        user_id=UserId("seller"), email="", roles=(), session_epoch=epoch, jti="",
        session_id=session, auth_time=now, issued_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
