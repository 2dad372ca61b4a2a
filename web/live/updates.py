"""`GET /ws`: from the handshake to the end of the socket.

aiohttp's handler is the only task of a socket, and all it does is listen: what is sent goes to the
transport as finished frames, from here and from the hub alike.
"""

from typing import Final

from aiohttp import WSMsgType, hdrs, web

from actors import UnavailableError
from ticketing.errors import ForbiddenError
from ticketing.values import ADMIN
from web import address, auth, origin, session
from web.call import Call
from web.gateway import Gateway
from web.live import frames, protocol
from web.live.admission import SOCKETS_MAX
from web.live.hub import Hub
from web.live.names import ADMINS, SIGN_IN, Name, Refused, parse
from web.live.protocol import Auth, BadMessageError, Close, Ping, Sub, Unsub
from web.live.socket import HELD_BYTES_MAX, STUCK_SECONDS, LiveSocket
from web.live.topic import Topic
from web.refusals import (
    ForeignOriginError,
    NotReadyError,
    NotSignedInError,
    UpgradeRequiredError,
)
from web.routing import Route

__all__ = ["ROUTES"]

# Messages beyond the limit, one after the other, until we hang up: whoever sends so many does not
# read what we say.
_FAULTS_MAX: Final = 90

# While a client has not taken what we said. A page never gets here.
_HELD_PAUSE_SECONDS: Final = 0.05

# When the database may be back, and when somebody who talked too much may come again.
_RETRY_SECONDS: Final = 2
_BACK_SECONDS: Final = 5

_UNAVAILABLE: Final = Refused("unavailable", "It cannot be read at the moment")
_FORBIDDEN: Final = Refused("forbidden", "This is for administrators")
_TOO_MANY_TOPICS: Final = Refused("topic_limit", "Too many topics")

_CLOSE_SECONDS: Final = 1.0
_NORMAL_CLOSURE: Final = 1000

_ENDED: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


async def watch(call: Call[None]) -> web.StreamResponse:
    gateway, request, hub = call.gateway, call.request, call.gateway.live
    _refuse_unless_welcome(call, hub)
    response = web.WebSocketResponse(
        timeout=_CLOSE_SECONDS,
        autoclose=False,
        autoping=False,  # A ping is a message like others: counted, and answered by the same pen.
        protocols=(protocol.NAME,),
        compress=False,  # It would cost 95 KB a socket, and open the door to CRIME.
        max_msg_size=protocol.MESSAGE_BYTES_MAX,
    )
    if session.has_changed(request):
        await session.save(request, response)  # It was renewed, and this answer takes it along.
    await response.prepare(request)
    transport = request.transport
    if transport is None:
        return response  # It has gone already.
    socket = LiveSocket(
        gateway.runtime.ids.new(),
        transport,
        claims=call.claims,
        address=address.client_of(request, gateway.settings.trusted_proxies),
    )
    is_refused = call.claims is None and auth.uses_bearer(request)
    del call, request  # For hours, perhaps; they are not needed any more.
    hub.add(socket)
    try:
        _greet(hub, socket, is_refused=is_refused)
        await _listen(gateway, socket, response)
    finally:
        hub.remove(socket)
    await _end(response)
    return response


async def _end(response: web.WebSocketResponse) -> None:
    """Close *response*, as aiohttp would do next, and leave nothing behind.

    Its line is closed already. The error that says so is kept by the response, and keeps the frame
    that keeps the response: a circle of all that the connection had, for the collector to find.
    """
    await response.close()
    error = response.exception()
    while error is not None:
        error.__traceback__, error = None, error.__context__


def _refuse_unless_welcome(call: Call[None], hub: Hub) -> None:
    """Refuse what can be refused before the upgrade, which is cheaper.

    Raises:
        UpgradeRequiredError, ForeignOriginError, NotReadyError: it is.

    """
    request, runtime = call.request, call.gateway.runtime
    if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
        raise UpgradeRequiredError
    if _is_foreign(call):
        hub.metrics.refused.labels(reason="origin").inc()
        raise ForeignOriginError
    why = None
    if hub.is_draining or not runtime.is_ready:
        why = "draining"
    elif len(hub.sockets) >= SOCKETS_MAX:
        why = "full"
    elif not hub.admission.may_shake_hands(runtime.clock.monotonic()):
        why = "busy"
    if why is not None:
        hub.metrics.refused.labels(reason=why).inc()
        raise NotReadyError


def _is_foreign(call: Call[None]) -> bool:
    """Whether another site's page may be behind this, with the cookie of ours."""
    said = call.request.headers.get(hdrs.ORIGIN)
    if said is not None:
        return not origin.is_own(said, call.request, call.gateway.settings)
    # A browser always says it. Without it, only a program's own credential is heard.
    return call.claims is not None and not auth.uses_bearer(call.request)


def _greet(hub: Hub, socket: LiveSocket, *, is_refused: bool) -> None:
    too_many = hub.admission.enter(socket)
    socket.send(protocol.welcome(conn=socket.id, now=hub.milliseconds(), user_id=socket.user_id))
    if is_refused:
        hub.close(socket, Close.UNAUTHORIZED, "the token is not good")
    elif too_many is not None:
        hub.close(socket, too_many, "too many connections")
    else:
        hub.people.end_if_over(socket)  # While hands were shaken, it may have ended.


async def _listen(gateway: Gateway, socket: LiveSocket, response: web.WebSocketResponse) -> None:
    """Until the socket ends."""
    hub, clock = gateway.live, gateway.runtime.clock
    while True:
        message = await response.receive()
        kind = message.type
        if kind in _ENDED:
            if kind is WSMsgType.CLOSE:
                socket.send(frames.close(message.data or _NORMAL_CLOSURE))
            return
        if not socket.is_open:
            continue  # We have said goodbye; until the other side has, nothing is heard.
        wait = socket.may_say(clock.monotonic())
        if wait:
            _slow_down(hub, socket, wait)
        elif kind is WSMsgType.TEXT:
            await _answer(gateway, socket, message.data)
        elif kind is WSMsgType.PING:
            socket.send(frames.pong(message.data))
        elif kind is WSMsgType.BINARY:
            socket.send(protocol.err("bad_message", "Only text is understood"))
        del message
        await _until_taken(gateway, socket)


def _slow_down(hub: Hub, socket: LiveSocket, wait: float) -> None:
    if socket.faults > _FAULTS_MAX:
        hub.close(socket, Close.RATE_LIMITED, "too many messages", after_seconds=_BACK_SECONDS)
    else:
        after = round(wait, 2)
        socket.send(
            protocol.err("rate_limited", "Too many messages", retry=True, after_seconds=after)
        )


async def _until_taken(gateway: Gateway, socket: LiveSocket) -> None:
    """Wait while the client has not taken what was said; the hub cuts off who takes nothing.

    A client that takes a little now and then is waited for twice as long, and then heard.
    """
    ends = gateway.runtime.clock.monotonic() + 2 * STUCK_SECONDS
    while socket.is_open and socket.transport.get_write_buffer_size() > HELD_BYTES_MAX:
        if gateway.runtime.clock.monotonic() >= ends:
            socket.transport.abort()
            return
        await gateway.runtime.clock.sleep(_HELD_PAUSE_SECONDS)


async def _answer(gateway: Gateway, socket: LiveSocket, text: str) -> None:
    hub = gateway.live
    received = hub.milliseconds()
    try:
        request = protocol.decode(text)
    except BadMessageError as error:
        socket.send(protocol.err("bad_message", str(error), reply_id=error.message_id))
        return
    match request:
        case Ping():
            socket.send(protocol.pong(request, received=received, sent=hub.milliseconds()))
        case Sub():
            await _subscribe(gateway, socket, request)
        case Unsub():
            for topic in request.topics:
                name = parse(topic, socket.user_id)
                if isinstance(name, Name):
                    hub.unsubscribe(socket, name)
        case Auth():
            _authenticate(gateway, socket, request)


async def _subscribe(gateway: Gateway, socket: LiveSocket, request: Sub) -> None:
    """One `subbed` or `err` for each topic, in the order of the request."""
    hub = gateway.live
    names = await _allowed(
        gateway, socket, [parse(wanted.topic, socket.user_id) for wanted in request.topics]
    )
    async with hub.topics.holding([name for name in names if isinstance(name, Name)]) as topics:
        for wanted, name in zip(request.topics, names, strict=True):
            topic = None if isinstance(name, Refused) else topics.get(name)
            refused = _why_not(socket, name, topic)
            if refused is None and topic is not None:
                hub.subscribe(socket, topic, wanted.since, request.id)
                await _until_taken(gateway, socket)
            elif refused is not None:
                may_retry = refused is _UNAVAILABLE
                socket.send(
                    protocol.err(
                        refused.code,
                        refused.message,
                        reply_id=request.id,
                        topic=wanted.topic,
                        retry=may_retry,
                        after_seconds=_RETRY_SECONDS if may_retry else None,
                    )
                )


async def _allowed(
    gateway: Gateway, socket: LiveSocket, names: list[Name | Refused]
) -> list[Name | Refused]:
    """*names*, those that are for administrators refused to everybody else, as by REST."""
    refused = None
    if any(isinstance(name, Name) and name.kind.is_for_admins for name in names):
        refused = await _why_no_admin(gateway, socket)
    return [
        refused
        if refused is not None and isinstance(name, Name) and name.kind.is_for_admins
        else name
        for name in names
    ]


async def _why_no_admin(gateway: Gateway, socket: LiveSocket) -> Refused | None:
    if socket.claims is None:
        return SIGN_IN
    try:
        await auth.refuse_unless(ADMIN, socket.claims, gateway.reads)
    except NotSignedInError:
        return SIGN_IN
    except ForbiddenError:
        return _FORBIDDEN
    except UnavailableError:
        return _UNAVAILABLE
    return None


def _why_not(socket: LiveSocket, name: Name | Refused, topic: Topic | None) -> Refused | None:
    """Why *socket* cannot watch what it named; *topic* is that, if it could be read."""
    if isinstance(name, Refused):
        return name
    if topic is None:
        return _UNAVAILABLE
    is_full = len(socket.cursors) >= protocol.TOPICS_MAX
    return _TOO_MANY_TOPICS if is_full and topic not in socket.cursors else None


def _authenticate(gateway: Gateway, socket: LiveSocket, request: Auth) -> None:
    """Sign a stranger's socket in, or let a user's go on with a renewed token."""
    hub = gateway.live
    try:
        claims = gateway.verifier.verify(request.token)
    except UnavailableError as error:
        again = protocol.err(
            "unavailable", str(error), reply_id=request.id, retry=True, after_seconds=_RETRY_SECONDS
        )
        socket.send(again)
        return
    if claims is None:
        socket.send(protocol.err("unauthorized", "The token is not good", reply_id=request.id))
    elif socket.user_id not in {None, claims.user_id}:
        socket.send(
            protocol.err("forbidden", "This is somebody else's socket", reply_id=request.id)
        )
    elif (too_many := hub.sign_in(socket, claims)) is not None:
        hub.close(socket, too_many, "too many connections")
    else:
        if ADMIN not in claims.roles:
            for topic in [each for each in socket.cursors if each.wire_name.startswith(ADMINS)]:
                hub.expel(socket, topic, _FORBIDDEN.code)
        socket.send(
            protocol.welcome(
                conn=socket.id,
                now=hub.milliseconds(),
                user_id=claims.user_id,
                reply_id=request.id,
            )
        )


ROUTES = (
    Route(
        method="GET",
        path="/ws",
        handler=watch,
        summary="Live updates over a WebSocket: the protocol `tickets.v1`",
        replies={101: None},
        refusals=(ForeignOriginError, NotReadyError, UpgradeRequiredError),
        headers=("Origin", "Sec-WebSocket-Protocol"),
    ),
)
