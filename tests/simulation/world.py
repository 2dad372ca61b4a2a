"""A marketplace on several nodes in virtual time: the real actors, people, and every fault at once.

A seed decides all of it (see `plan`). The judge looks at every commit and every reply; when all
have left and the faults are over, everything has to come to rest and is looked at once more.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from cryptography.fernet import Fernet

from actors import Actor, ActorError, Clock, Ids, Ref, Worker, placement
from actors.memory import MemoryDatabase
from actors.memory_link import MemoryNetwork
from actors.simulation import SimulatedClock, SimulatedLoop, simulate
from actors.tasks import Tasks
from tests.simulation.faults import Faults, network
from tests.simulation.judge import ALLOWANCE, Judge
from tests.simulation.lateness import Lateness, goes_round
from tests.simulation.node import SimulatedNode
from tests.simulation.people import Visitor
from tests.simulation.plan import NODES, Plan, Spell, Visit
from tests.simulation.sandbox import Sandbox, SimulatedReads, SimulatedStripe
from tests.simulation.watchers import Watchers
from tests.support.invariants import check
from tests.support.simulated_world import FakeSweeper, Tables
from ticketing import bootstrap
from ticketing.audit.actor import Audit
from ticketing.events.actor import Event
from ticketing.expiration.actor import Watch
from ticketing.orders.actor import Order
from ticketing.orders.state import OrderState
from ticketing.payments import messages as payments
from ticketing.payments.actor import Payment
from ticketing.payments.reconciler import Reconciler
from ticketing.payments.state import Attempt, AttemptStatus, PaymentState
from ticketing.payments.worker import Teller
from ticketing.tickets.actor import Ticket
from ticketing.tickets.state import TicketState, TicketStatus
from ticketing.values import OrderId, Secret
from ticketing.vault import Vault
from web.live.admission import Admission
from web.live.hub import Hub
from web.revocations import Revocations

__all__ = ["Result", "World", "run"]

WINDOW: Final = timedelta(seconds=8)

_VAULT: Final = Vault([Fernet.generate_key().decode()])


class _Glass(Vault):
    """Seals nothing: what a real one makes is another text each time."""

    def __init__(self) -> None:
        pass

    def seal(self, text: str) -> Secret:
        return Secret(text)


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    violation: str | None
    steps: int
    commands: int
    faults: dict[str, int]
    seen: dict[str, int]


class World(Tables):
    """Everything there is."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(MemoryDatabase(bootstrap.STATE_TYPES))
        self.plan = plan
        self.clock = SimulatedClock()
        self.window = WINDOW
        self.faults = Faults(plan)
        self.provider = Sandbox(self.faults, self._say)
        self.judge = Judge(self.database, self._is_taken)
        self.network: MemoryNetwork = network(self.clock, self.faults)
        self.nodes = [SimulatedNode(self, number) for number in range(NODES)]
        self.watchers = Watchers(self)
        self.offered: list[Any] = []
        self.commands = 0
        self.cancels_asked: set[OrderId] = set()
        self.allowance = ALLOWANCE
        self.acknowledged: tuple[tuple[Ref, int], ...] = ()
        self._tasks = Tasks(self._task_failed)

    # What a node is made of -------------------------------------------------------------------

    def actors(self) -> list[Actor[Any]]:
        return [
            Event(),
            Ticket(),
            Order(window=WINDOW),
            Watch(),
            Payment(attempts_max=2, fee_percent=Decimal("2.5")),
            Reconciler(),
            Audit(),
        ]

    def workers(self, clock: Clock) -> Sequence[Worker]:
        stripe = SimulatedStripe(self.provider, clock)
        reads = SimulatedReads(self._attempts)
        teller = Teller(stripe, vault=_Glass(), reads=reads, clock=clock)  # type: ignore[arg-type]
        return [teller, FakeSweeper(self)]

    def hub(self, node: SimulatedNode, ids: Ids) -> Hub:
        watchers = self.watchers
        revocations = Revocations(
            node.bus, node.clock, since=watchers.since, write=watchers.write,
            forget=watchers.forget, link=node.link,
        )  # fmt: skip
        return Hub(
            bus=node.bus, clock=node.clock, ids=ids, vault=_VAULT, link=node.link,
            loader=watchers, revocations=revocations,  # type: ignore[arg-type]
            admission=Admission(limits_per_client=False),
        )  # fmt: skip

    # What there is ----------------------------------------------------------------------------

    def tickets(self) -> list[TicketState]:
        return list(self.judge.tickets.values())

    def orders(self) -> list[OrderState]:
        return [each for each in self.judge.states.values() if isinstance(each, OrderState)]

    def order(self, order_id: OrderId) -> OrderState | None:
        return self.judge.state(Ref("order", order_id), OrderState)

    def tickets_of(self, status: str) -> list[TicketState]:
        return [each for each in self.judge.tickets.values() if each.status == status]

    @property
    def consumed(self) -> dict[str, int]:
        return self.judge.consumed

    def _attempts(self, order_id: str) -> tuple[Attempt, ...]:
        payment = self.judge.state(Ref("payment", order_id), PaymentState)
        return () if payment is None else payment.attempts

    def _is_taken(self, order_id: str) -> bool:
        return any(
            each.order_id == order_id and each.status == "succeeded"
            for each in self.provider.intents.values()
        )

    # What happens -----------------------------------------------------------------------------

    async def live(self) -> None:
        """Busy, broken, and finally at rest.

        Raises:
            AssertionError: something is not as it must be.

        """
        living = asyncio.get_running_loop().create_task(self._live())
        self.judge.on_violation = living.cancel
        try:
            await living
        except asyncio.CancelledError:
            if self.judge.violation is None:
                raise
        if self.judge.violation is not None:
            raise AssertionError(self.judge.violation)

    async def _live(self) -> None:
        await asyncio.gather(*(node.start() for node in self.nodes))
        for node in self.nodes:
            self.go_on(node.look_after())
        self.go_on(Lateness(self).watch())
        self.go_on(self.watchers.watch())
        self.go_on(self._card_holders())
        await asyncio.gather(
            *(Visitor(self, visit).come() for visit in self.plan.visits),
            *(self._strike(spell) for spell in self.plan.spells),
        )
        await self._rest()
        for number, order in enumerate(self.orders(), len(self.plan.visits)):
            if self._is_owed(order.id):  # Somebody sees to the refunds that failed.
                await Visitor(self, Visit(number, "admin", 0)).refund(order.id)
        await self._rest()
        await self.watchers.check()
        check(self)  # type: ignore[arg-type]
        await self._tasks.stop()
        for node in self.nodes:
            await node.stop()

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* beside everything else."""
        self._tasks.start(work, "world")

    def _task_failed(self, _name: str, error: BaseException) -> None:
        self.judge.fail(f"{type(error).__name__}: {error}")

    async def _strike(self, spell: Spell) -> None:
        if spell.kind in self.plan.off:
            return
        await self.clock.sleep(spell.at)
        node = self.nodes[spell.node]
        if node.runtime is None:
            return
        self.faults.struck[spell.kind] += 1
        node.wrong += 1
        try:
            await self._under(spell, node)
        finally:
            node.wrong -= 1
            node.up_since = self.clock.now()

    async def _under(self, spell: Spell, node: SimulatedNode) -> None:
        link, store = node.link, node.store
        match spell.kind:
            case "crash" | "stop":
                for _ in range(int(spell.seconds * 1000) % 30):
                    await asyncio.sleep(0)  # At any callback, not only where time has passed.
                await (node.crash() if spell.kind == "crash" else node.stop())
                await self.clock.sleep(spell.seconds / 2)
                await node.start()
            case "pause":
                node.pause()
                await self.clock.sleep(spell.seconds)
                node.resume()
            case "cut" | "deaf" | "mute":
                link.hears, link.speaks = spell.kind == "mute", spell.kind == "deaf"
                await self.clock.sleep(spell.seconds)
                link.back()
            case "store_away":
                store.is_reachable = False
                await self.clock.sleep(spell.seconds)
                store.is_reachable = True
            case "database_restarted":
                self.database.incarnation += "'"
            case "storm":
                self.faults.storm = 20.0
                await self.clock.sleep(spell.seconds / 3)
                self.faults.storm = 1.0
                for each in self.nodes:
                    each.up_since = self.clock.now()
            case _:
                raise AssertionError(spell.kind)

    def _say(self, order_id: OrderId, touch: payments.Touch, seconds: float) -> None:
        """The provider sends a webhook, and again if nobody takes it."""

        async def say() -> None:
            await self.clock.sleep(seconds)
            for number in range(5):
                node = self.nodes[(int(seconds * 1e6) + number) % len(self.nodes)]
                with suppress(ActorError):
                    name = f"touch:{touch.intent_id}"
                    await node.tell(payments.payment(order_id), touch, name=name)
                    return
                await self.clock.sleep(3)

        self.go_on(say())

    async def _card_holders(self) -> None:
        """They answer their banks sooner or later; not all of their browsers come back."""
        dice = self.plan.dice("card holders")
        while True:
            await self.clock.sleep(dice.uniform(0.5, 3))
            for intent in tuple(self.provider.intents.values()):
                if intent.status == "requires_action" and dice.random() < 0.2:
                    self.provider.act(intent)

    # The end ----------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """Wait until nothing more will happen by itself."""
        self.faults.is_over = True
        for _ in range(200):
            await self.clock.sleep(2)
            if not self._is_busy():
                return
        self.judge.fail(f"never at rest: {[*self.database.inbox.values()][:5]}")

    def _is_owed(self, order_id: OrderId) -> bool:
        attempts = self._attempts(order_id)
        return any(each.status is AttemptStatus.REFUND_FAILED for each in attempts)

    def _is_busy(self) -> bool:
        left = [row for row in self.database.inbox.values() if not goes_round(row)]
        return bool(left) or bool(self.tickets_of(TicketStatus.RESERVED))


@contextmanager
def _few_slots() -> Iterator[None]:
    """An eighth of the partitions: they move as all would, and to count them takes less time."""
    before, placement.SLOTS = placement.SLOTS, 32
    try:
        yield
    finally:
        placement.SLOTS = before


def run(plan: Plan) -> Result:
    """Play *plan* to its end, or to the first thing that must not be."""
    world: list[World] = []
    steps = 0

    async def scenario() -> None:
        nonlocal steps
        world.append(World(plan))
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        try:
            await world[0].live()
        finally:
            steps = loop.steps

    violation = None
    try:
        with _few_slots():
            simulate(scenario, plan.seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not as it must be
        violation = (
            f"{type(error).__name__}: {error}"
            if not isinstance(error, AssertionError)
            else str(error)
        )
    made = world[0]
    return Result(violation, steps, made.commands, dict(made.faults.struck), dict(made.judge.seen))
