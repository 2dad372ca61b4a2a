"""The sandbox as an aiohttp application.

A request passes, in this order: the fault script, the API key, the idempotency key, execution,
the books, the disk, and only then is it answered - or cut off, if the script says so.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec
from aiohttp import web

from actors.clock import Clock
from ticketing.payments.sandbox import operations, shapes, wire
from ticketing.payments.sandbox.books import Books
from ticketing.payments.sandbox.faults import Fault, Faults, Kind, Operation
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.idempotency import Kept, fingerprint
from ticketing.payments.sandbox.operations import Call, Outcome
from ticketing.payments.sandbox.refusals import Refusal
from ticketing.payments.sandbox.wire import STORED, Answer

__all__ = ["Sandbox", "make_app"]

# Stripe's own limit is higher; nothing of ours comes near this one.
BODY_MAX: Final = 64 * 1024

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answering: TypeAlias = Callable[[web.Request, Fault | None], Awaitable[Answer]]


class Sandbox:
    """The handlers, around one set of books."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        self._faults = Faults()

    def changing(self, operation: Operation) -> Handler:
        """The handler of an operation that changes something."""

        async def answering(request: web.Request, fault: Fault | None) -> Answer:
            return await self._change(request, operation, fault)

        return self._faulty(operation, answering)

    def reading(self, operation: Operation) -> Handler:
        """The handler of an operation that only looks."""
        return self._faulty(operation, self._read)

    async def script(self, request: web.Request) -> web.StreamResponse:
        """POST /_sandbox/faults: set the fault script."""
        # A page in a browser cannot send this content type here without asking first.
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="expected application/json")
        try:
            script = msgspec.json.decode(await request.read(), type=list[Fault])
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        self._faults.script(script)
        return web.json_response({"faults": len(script)})

    async def held(self, _request: web.Request) -> web.StreamResponse:
        """GET /_sandbox/intents: everything it holds, oldest first, to reconcile with."""
        intents = [shapes.held_shape(intent) for intent in reversed(self._books.intents())]
        await self._books.flush()
        return web.json_response({"intents": intents})

    def _faulty(self, operation: Operation, answering: Answering) -> Handler:
        """A handler that answers, unless the script has something else in mind."""

        async def handle(request: web.Request) -> web.StreamResponse:
            fault = self._faults.next(operation)
            if fault is not None and fault.instead:
                return _instead(request, fault)
            answer = await answering(request, fault)
            # What was decided or seen may be newer than what the disk has.
            await self._books.flush()
            return await _deliver(request, answer, fault)

        return handle

    async def _read(self, request: web.Request, fault: Fault | None) -> Answer:
        request_id = wire.new_request_id()
        intent_id, form = request.match_info.get("id"), Form(request.query.items())
        try:
            wire.check_api_key(request)
            await self._delay(fault)
            if fault is not None and fault.stored:
                return wire.answer_of(STORED, wire.error_shape(STORED), request_id)
            if intent_id is None:
                body = operations.page(self._books, form)
            else:
                body = operations.retrieve(self._books, form, intent_id)
            return wire.answer_of(200, body, request_id)
        except Refusal as refusal:
            return _refused(refusal, request_id)

    async def _change(
        self, request: web.Request, operation: Operation, fault: Fault | None
    ) -> Answer:
        key = request.headers.get("Idempotency-Key")
        try:
            wire.check_api_key(request)
            pairs = await wire.parameters(request)
            asked = fingerprint(request.path, pairs)
            kept = None if key is None else self._books.keys.begin(key, asked, self._now())
        except Refusal as refusal:
            return _refused(refusal, wire.new_request_id())
        if kept is not None:
            return wire.replay(kept)
        intent_id = request.match_info.get("id")
        try:
            await self._delay(fault)
            call = Call(form=Form(pairs), now=int(self._now()), intent_id=intent_id, key=key)
            return self._execute(operation, call, asked, fault)
        finally:
            if key is not None:
                self._books.keys.end(key)

    def _execute(self, operation: Operation, call: Call, asked: str, fault: Fault | None) -> Answer:
        """Decide and write down; nothing can come between the two."""
        request_id = wire.new_request_id()
        broken = Outcome(status=STORED, body=wire.error_shape(STORED))
        stored = fault is not None and fault.stored
        if stored and not (fault is not None and fault.effect):
            outcome = broken
        else:
            outcome = operations.run(operations.CHANGES[operation], self._books, call)
        said = broken if stored else outcome
        answer = wire.answer_of(said.status, said.body, request_id)
        kept = None
        if call.key is not None and outcome.kept:
            answer.headers["Idempotency-Key"] = call.key
            kept = Kept(
                key=call.key,
                fingerprint=asked,
                at=self._now(),
                request_id=request_id,
                status=answer.status,
                body=answer.body,
            )
        self._books.write(outcome.intent, kept)
        return answer

    async def _delay(self, fault: Fault | None) -> None:
        if fault is not None and fault.kind is Kind.DELAY:
            await self._clock.sleep(fault.seconds)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def make_app(books: Books, clock: Clock) -> web.Application:
    """The application. Whoever makes it closes the books when it has stopped."""
    sandbox = Sandbox(books, clock)
    app = web.Application(client_max_size=BODY_MAX, middlewares=[_unknown_addresses])
    path = "/v1/payment_intents"
    app.router.add_post(path, sandbox.changing("create"))
    app.router.add_get(path, sandbox.reading("list"))
    app.router.add_get(path + "/{id}", sandbox.reading("retrieve"))
    app.router.add_post(path + "/{id}/confirm", sandbox.changing("confirm"))
    app.router.add_post(path + "/{id}/capture", sandbox.changing("capture"))
    app.router.add_post(path + "/{id}/cancel", sandbox.changing("cancel"))
    app.router.add_post("/_sandbox/faults", sandbox.script)
    app.router.add_get("/_sandbox/intents", sandbox.held)
    return app


@web.middleware
async def _unknown_addresses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Addresses that do not exist are refused in Stripe's shape too."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        message = f"Unrecognized request URL ({request.method}: {request.path})."
        refusal = Refusal(message, status=404)
        return wire.response(_refused(refusal, wire.new_request_id()))


def _refused(refusal: Refusal, request_id: str) -> Answer:
    return wire.answer_of(refusal.status, shapes.refusal_shape(refusal), request_id)


def _instead(request: web.Request, fault: Fault) -> web.StreamResponse:
    """What a request meets that never gets as far as being executed."""
    if fault.kind is Kind.DROP_BEFORE:
        return wire.cut(request)
    if fault.html:
        return wire.bad_gateway()
    body = wire.error_shape(fault.status)
    return wire.response(wire.answer_of(fault.status, body, wire.new_request_id()))


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
