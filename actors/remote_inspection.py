"""Looking into all nodes, and acting on an actor wherever it is: an `Inspector` on each, asked.

Each node answers at a subject of its own. Nobody is waited for long: what a node has not said in
under a second an operator would rather see as not said. Nothing is retried, because the next look
is a second away.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec
import structlog

from actors.clock import Clock
from actors.errors import ActorError, UnavailableError
from actors.inspection import Inspector, NotNowError
from actors.link import Link, UnansweredError, UndeliveredError
from actors.message import encode
from actors.placement import Placement
from actors.ref import Ref
from actors.seen import (
    Acted,
    ActorLooked,
    ActorSeen,
    ActorStatus,
    Listed,
    NodeSeen,
    Order,
    WaitingSeen,
    place,
)
from actors.store import Member, Members

__all__ = ["Action", "ActorsWanted", "Nodes"]

log = structlog.get_logger("actors.inspection")

T = TypeVar("T")

LOOK_SECONDS: Final = 0.8

# Who watches an actor looks four times a second; who owns it changes seldom.
MEMBERS_KNOWN_SECONDS: Final = 1.0

Action = Literal["restart", "passivate", "suspend", "resume"]


class ActorsWanted(msgspec.Struct, frozen=True, kw_only=True, tag="actors"):
    """Which actors, as of `Inspector.actors`."""

    limit: int
    service: str | None = None
    kind: str | None = None
    status: ActorStatus | None = None
    key: str | None = None
    order: Order = "key"
    after: tuple[float, str, str] | None = None


class _Overview(msgspec.Struct, frozen=True, tag="overview"):
    pass


class _Metrics(msgspec.Struct, frozen=True, tag="metrics"):
    pass


class _Actor(msgspec.Struct, frozen=True, tag="actor"):
    kind: str
    key: str


class _Act(msgspec.Struct, frozen=True, tag="act"):
    kind: str
    key: str
    action: Action


_Question = _Overview | _Metrics | ActorsWanted | _Actor | _Act


class _Seen(msgspec.Struct, frozen=True, tag="seen"):
    body: msgspec.Raw


class _NotNow(msgspec.Struct, frozen=True, tag="not_now"):
    why: str


class _Failed(msgspec.Struct, frozen=True, tag="failed"):
    why: str


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack_question: Final = msgspec.msgpack.Decoder(_Question).decode
_unpack_answer: Final = msgspec.msgpack.Decoder(_Seen | _NotNow | _Failed).decode


class Nodes:
    """All nodes, as one of them sees them; it answers the others, too.

    *link* leads to them; without one there are none. *members* reads who there is.
    """

    def __init__(
        self,
        inspector: Inspector,
        placement: Placement,
        clock: Clock,
        *,
        node: str,
        services: Sequence[str],
        members: Callable[[], Awaitable[Members]],
        link: Link | None,
    ) -> None:
        self.node = node
        self.exposition: Callable[[], Awaitable[bytes]] | None = None
        """The metrics of this node, as text."""
        self._counts: list[Callable[[], Mapping[str, int]]] = []
        self._inspector = inspector
        self._placement = placement
        self._clock = clock
        self._me = Member(node, tuple(services), "up")
        self._read_members = members
        self._members = Members((self._me,), {})
        self._read_at = float("-inf")
        self._link = link

    async def open(self) -> None:
        """Answer the others from now on."""
        if self._link is not None:
            await self._link.answer(_subject(self.node), self._answer)

    def count(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Have *counts* be part of what is seen of this node."""
        self._counts.append(counts)

    # Asking ----------------------------------------------------------------------------------

    async def overviews(self) -> list[tuple[Member, NodeSeen | None]]:
        """Every node, this one first; None for one that does not answer."""
        return await self._all(_Overview(), NodeSeen)

    async def expositions(self) -> dict[str, bytes]:
        """The metrics of every node that answers."""
        found = await self._all(_Metrics(), bytes)
        return {member.id: text for member, text in found if text}

    async def actors(self, wanted: ActorsWanted) -> list[Listed]:
        """The first of the actors of all nodes that answer, each once."""
        found = await self._all(wanted, list[ActorSeen])
        best: dict[Ref, Listed] = {}
        for member, lines in found:
            for line in lines or ():
                listed = Listed(member.id, line)
                known = best.setdefault(Ref(line.kind, line.key), listed)
                if known.line.status == "asleep":  # Where it was once: it is awake elsewhere.
                    best[Ref(line.kind, line.key)] = listed
        return heapq.nsmallest(
            wanted.limit, best.values(), key=lambda each: place(each.line, wanted.order)
        )

    async def actor(self, ref: Ref) -> tuple[str, ActorLooked]:
        """*ref*, and the node where it is.

        Raises:
            UnavailableError: that does not answer.

        """
        node = await self._owner(ref)
        return node, await self._ask(node, _Actor(ref.kind, ref.key), ActorLooked)

    async def act(self, ref: Ref, action: Action) -> Acted:
        """Do *action* to *ref*, wherever it is.

        Raises:
            NotNowError: it cannot be done at this moment.
            UnavailableError: its node does not answer, or could not have it noted.

        """
        self._read_at = float("-inf")
        return await self._ask(await self._owner(ref), _Act(ref.kind, ref.key, action), Acted)

    async def _all(self, question: _Question, answer: type[T]) -> list[tuple[Member, T | None]]:
        members = (await self._known()).nodes
        others = [member for member in members if member.id != self.node]
        mine = next((member for member in members if member.id == self.node), self._me)
        asked = [mine, *others]
        answers = await asyncio.gather(
            *(self._ask(member.id, question, answer) for member in asked), return_exceptions=True
        )
        return [(member, _or_raise(said)) for member, said in zip(asked, answers, strict=True)]

    async def _ask(self, node: str, question: _Question, answer: type[T]) -> T:
        if node == self.node or self._link is None:
            said = await self._answer(_pack(question))
        else:
            try:
                said = await self._link.request(
                    _subject(node), _pack(question), timeout=LOOK_SECONDS
                )
            except UndeliveredError:
                raise UnavailableError(f"Node {node} is not there") from None
            except UnansweredError:
                raise UnavailableError(f"Node {node} does not answer", executed="maybe") from None
        unpacked: _Seen | _NotNow | _Failed = _unpack_answer(said)
        match unpacked:
            case _Seen(body):
                return msgspec.msgpack.decode(body, type=answer)
            case _NotNow(why):
                raise NotNowError(why)
            case _Failed(why):
                raise UnavailableError(why)

    async def _owner(self, ref: Ref) -> str:
        """The node that *ref* is on; this one, as long as nobody is known to own it."""
        owner = (await self._known()).owners.get(self._placement.partition(ref))
        return self.node if owner is None or self._link is None else owner.node

    async def _known(self) -> Members:
        """Who there is; as it was last, while the store does not say."""
        now = self._clock.monotonic()
        if self._link is not None and now - self._read_at >= MEMBERS_KNOWN_SECONDS:
            try:
                self._members = await self._read_members()
            except UnavailableError:
                pass
            else:
                self._read_at = now
        return self._members

    # Answering -------------------------------------------------------------------------------

    async def _answer(self, body: bytes) -> bytes:
        try:
            seen = await self._look(_unpack_question(body))
        except NotNowError as error:
            return _pack(_NotNow(str(error)))
        except (ActorError, msgspec.DecodeError) as error:
            return _pack(_Failed(str(error)))
        except Exception:
            log.exception("look.failed")
            return _pack(_Failed(f"Node {self.node} could not look"))
        return _pack(_Seen(msgspec.Raw(_pack(seen))))

    async def _look(
        self, question: _Question
    ) -> NodeSeen | bytes | list[ActorSeen] | ActorLooked | Acted:
        match question:
            case _Overview():
                return await self._overview()
            case _Metrics():
                return b"" if self.exposition is None else await self.exposition()
            case ActorsWanted():
                return await self._inspector.actors(**msgspec.structs.asdict(question))
            case _Actor(kind, key):
                return self._actor(Ref(kind, key))
            case _Act(kind, key, action):
                return await self._act(Ref(kind, key), action)

    async def _overview(self) -> NodeSeen:
        began = self._clock.monotonic()
        await asyncio.sleep(0)  # A whole round of the loop: how long it takes is the lag.
        lag = self._clock.monotonic() - began
        counts = {name: count for each in self._counts for name, count in each().items()}
        return NodeSeen(overview=self._inspector.overview(), lag_seconds=lag, counts=counts)

    def _actor(self, ref: Ref) -> ActorLooked:
        inspector = self._inspector
        inspector.watch(ref)
        state = inspector.state(ref)
        return ActorLooked(
            line=inspector.actor(ref),
            is_resident=inspector.is_resident(ref),
            state=None if state is None else encode(state),
            mailbox=[
                WaitingSeen(
                    name=message.name,
                    by=message.by,
                    is_durable=message.is_durable,
                    due_at=message.due_at,
                    waits_seconds=message.waits_seconds,
                )
                for message in inspector.mailbox(ref)
            ],
            turns=inspector.turns(ref),
            running=inspector.running(ref),
            stack=inspector.stack(ref),
            crash=inspector.crash(ref),
        )

    async def _act(self, ref: Ref, action: Action) -> Acted:
        inspector = self._inspector
        before = inspector.actor(ref)
        if not inspector.is_store_available:
            raise UnavailableError("It could not be noted in the audit log")
        _ACTS[action](inspector, ref)
        await asyncio.sleep(0)  # A turn that was given up ends in the loop's next round.
        return Acted(before=before, after=inspector.actor(ref))


_ACTS: Final[Mapping[Action, Callable[[Inspector, Ref], None]]] = {
    "restart": Inspector.restart,
    "passivate": Inspector.passivate,
    "suspend": Inspector.suspend,
    "resume": Inspector.resume,
}


def _subject(node: str) -> str:
    return f"look.{node}"


def _or_raise(said: T | BaseException) -> T | None:
    """What a node said; None if it did not."""
    if isinstance(said, UnavailableError):
        return None
    if isinstance(said, BaseException):
        raise said
    return said
