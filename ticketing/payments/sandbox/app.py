"""The sandbox as an aiohttp application.

A request passes, in this order: the fault script, the API key, the idempotency key, execution,
the books, the disk, and only then is it answered - or cut off, if the script says so.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec
from aiohttp import web

from actors.clock import Clock
from ticketing.payments.sandbox import doors, names, operations, shapes, wire
from ticketing.payments.sandbox.books import Books
from ticketing.payments.sandbox.browser import add_browser_routes
from ticketing.payments.sandbox.call import Call, Outcome
from ticketing.payments.sandbox.control import Control
from ticketing.payments.sandbox.doors import Key
from ticketing.payments.sandbox.faults import Fault, Faults, Kind, Operation
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.idempotency import Kept, fingerprint
from ticketing.payments.sandbox.reads import READS, Look
from ticketing.payments.sandbox.refusals import Refusal
from ticketing.payments.sandbox.settling import Settling
from ticketing.payments.sandbox.tokens import without_card_data
from ticketing.payments.sandbox.webhooks import Courier, Webhooks
from ticketing.payments.sandbox.wire import STORED, Answer

__all__ = ["Sandbox", "make_app"]

# Stripe's own limit is higher; nothing of ours comes near this one.
BODY_MAX: Final = 64 * 1024

_OF_BROWSERS: Final = ("authenticate", "confirmation_token")

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Pairs: TypeAlias = list[tuple[str, str]]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as far as it has come: what it wants, and what it will meet."""

    operation: Operation
    request: web.Request
    pairs: Pairs
    fault: Fault | None
    request_id: str

    @property
    def name(self) -> str | None:
        """The id in the address."""
        return self.request.match_info.get("id")

    @property
    def form(self) -> Form:
        """The parameters, without the key that opens."""
        return Form((name, value) for name, value in self.pairs if name != "key")


Answering: TypeAlias = Callable[[Asked, Key], Awaitable[Answer]]


class Sandbox:
    """The handlers, around one set of books, and what goes on behind them."""

    def __init__(self, books: Books, clock: Clock, webhooks: Webhooks | None = None) -> None:
        self._books = books
        self._clock = clock
        self._faults = Faults()
        self.courier = Courier(books, clock, self._faults, webhooks)
        self.settling = Settling(books, clock, self.courier)
        self.control = Control(books, self._faults, self.courier)

    def changing(self, operation: Operation) -> Handler:
        """The handler of an operation that changes something."""
        return self._faulty(operation, self._change)

    def reading(self, operation: Operation) -> Handler:
        """The handler of an operation that only looks."""
        return self._faulty(operation, self._read)

    def _faulty(self, operation: Operation, answering: Answering) -> Handler:
        """A handler that answers, unless the script has something else in mind."""

        async def handle(request: web.Request) -> web.StreamResponse:
            request_id = names.new_request()
            try:
                pairs = await wire.parameters(request)
            except Refusal as refusal:
                return wire.response(_refused(refusal, request_id))
            order = _order(self._books, request.match_info.get("id"), pairs)
            browser = operation in _OF_BROWSERS or any(name == "client_secret" for name, _ in pairs)
            fault = self._faults.next(operation, order, browser=browser)
            if fault is not None and fault.instead:
                return _instead(request, fault, request_id)
            asked = Asked(
                operation=operation,
                request=request,
                pairs=pairs,
                fault=fault,
                request_id=request_id,
            )
            return await self._answer(asked, answering)

        return handle

    async def _answer(self, asked: Asked, answering: Answering) -> web.StreamResponse:
        key = Key.NONE
        try:
            key = doors.check(asked.request, asked.pairs, asked.operation)
            answer = await answering(asked, key)
        except Refusal as refusal:
            answer = _refused(refusal, asked.request_id)
        # What was decided or seen may be newer than what the disk has.
        await self._books.flush()
        if asked.fault is not None and asked.fault.kind is Kind.HOLD:
            await self._hold(asked.fault)
        if key is Key.PUBLISHABLE:
            answer.headers.update(doors.READABLE)
        return await _deliver(asked.request, answer, asked.fault)

    async def _read(self, asked: Asked, key: Key) -> Answer:
        await self._delay(asked.fault)
        if asked.fault is not None and asked.fault.stored:
            return wire.answer_of(STORED, wire.error_shape(STORED), asked.request_id)
        look = Look(
            form=asked.form,
            now=int(self._now()),
            name=asked.name,
            publishable=key is Key.PUBLISHABLE,
        )
        return wire.answer_of(200, READS[asked.operation](self._books, look), asked.request_id)

    async def _change(self, asked: Asked, _key: Key) -> Answer:
        key = asked.request.headers.get("Idempotency-Key")
        print_ = fingerprint(asked.request.path, without_card_data(asked.pairs))
        kept = None if key is None else self._books.keys.begin(key, print_, self._now())
        if kept is not None:
            return wire.replay(kept)
        try:
            await self._delay(asked.fault)
            call = Call(
                form=asked.form,
                now=int(self._now()),
                request_id=asked.request_id,
                name=asked.name,
                key=key,
            )
            return self._execute(asked, call, print_)
        finally:
            if key is not None:
                self._books.keys.end(key)

    def _execute(self, asked: Asked, call: Call, print_: str) -> Answer:
        """Decide and write down; nothing can come between the two."""
        fault = asked.fault
        broken = Outcome(status=STORED, body=wire.error_shape(STORED))
        stored = fault is not None and fault.stored
        if stored and not (fault is not None and fault.effect):
            outcome = broken
        else:
            change = operations.CHANGES[asked.operation]
            outcome = operations.run(change, self._books, call, awaited=self.courier.awaited)
        said = broken if stored else outcome
        answer = wire.answer_of(said.status, said.body, call.request_id)
        kept = None
        if call.key is not None and outcome.kept:
            answer.headers["Idempotency-Key"] = call.key
            kept = Kept(
                key=call.key,
                fingerprint=print_,
                at=self._now(),
                request_id=call.request_id,
                status=answer.status,
                body=answer.body,
            )
        self._books.write(msgspec.structs.replace(outcome.effect, kept=kept))
        self.courier.send(outcome.effect.events)
        self.settling.expect(outcome.effect.refund)
        return answer

    async def _delay(self, fault: Fault | None) -> None:
        if fault is not None and fault.kind is Kind.DELAY:
            await self._clock.sleep(fault.seconds)

    async def _hold(self, fault: Fault) -> None:
        seconds = fault.seconds if fault.until is None else fault.until - self._now()
        await self._clock.sleep(max(0.0, seconds))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def make_app(sandbox: Sandbox) -> web.Application:
    """The application. Whoever makes it closes the books when it has stopped."""
    app = web.Application(client_max_size=BODY_MAX, middlewares=[_unknown_addresses])
    add, changing, reading = app.router.add_route, sandbox.changing, sandbox.reading
    intents = "/v1/payment_intents"
    add("POST", intents, changing("create"))
    add("GET", intents, reading("list"))
    add("GET", intents + "/{id}", reading("retrieve"))
    add("OPTIONS", intents + "/{id}", doors.preflight)
    add("POST", intents + "/{id}/confirm", changing("confirm"))
    add("POST", intents + "/{id}/capture", changing("capture"))
    add("POST", intents + "/{id}/cancel", changing("cancel"))
    add("POST", "/v1/refunds", changing("refund"))
    add("GET", "/v1/refunds", reading("list_refunds"))
    add("GET", "/v1/refunds/{id}", reading("retrieve_refund"))
    add("GET", "/v1/events", reading("events"))
    add("GET", "/v1/events/{id}", reading("retrieve_event"))
    add("POST", "/v1/confirmation_tokens", changing("confirmation_token"))
    add("OPTIONS", "/v1/confirmation_tokens", doors.preflight)
    add("GET", "/v1/confirmation_tokens/{id}", reading("retrieve_confirmation_token"))
    add("POST", "/v1/test_helpers/confirmation_tokens", changing("test_confirmation_token"))
    add("POST", "/_sandbox/authenticate", changing("authenticate"))
    sandbox.control.add_routes(app)
    add_browser_routes(app)
    return app


@web.middleware
async def _unknown_addresses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Addresses that do not exist are refused in Stripe's shape too."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        message = f"Unrecognized request URL ({request.method}: {request.path})."
        refusal = Refusal(message, status=404)
        return wire.response(_refused(refusal, names.new_request()))


def _order(books: Books, name: str | None, pairs: Pairs) -> str | None:
    """The order that a request is about: it says so itself, or the intent that it is about does."""
    said = dict(pairs)
    order = said.get("metadata[order_id]")
    if order is not None:
        return order
    secret = said.get("client_secret", "").partition("_secret_")[0]
    refund = books.refund(name or "")
    named = name if refund is None else refund.payment_intent
    intent = books.intent(named or said.get("payment_intent") or secret)
    return None if intent is None else intent.metadata.get("order_id")


def _refused(refusal: Refusal, request_id: str) -> Answer:
    return wire.answer_of(refusal.status, shapes.refusal_shape(refusal), request_id)


def _instead(request: web.Request, fault: Fault, request_id: str) -> web.StreamResponse:
    """What a request meets that never gets as far as being executed."""
    if fault.kind is Kind.DROP_BEFORE:
        return wire.cut(request)
    if fault.html:
        return wire.bad_gateway()
    body = wire.error_shape(fault.status)
    return wire.response(wire.answer_of(fault.status, body, request_id))


async def _deliver(request: web.Request, answer: Answer, fault: Fault | None) -> web.StreamResponse:
    if fault is None:
        return wire.response(answer)
    if fault.kind is Kind.DROP_AFTER:
        return wire.cut(request)
    if fault.kind is Kind.TRUNCATE:
        return await wire.half(request, answer)
    if fault.html:
        return wire.bad_gateway()
    return wire.response(answer)
