"""What administrators do is done once for each Idempotency-Key, and goes into the audit log.

The note is told to the log's keeper, durably: it is written even if the keeper is stuck just now.
With a key it is asked, so that the answer is kept under it, and a second copy of the request finds
out that the first one was here.
"""

from typing import Any

import structlog

from actors import ActorError, AskIdReusedError
from ticketing import audit
from ticketing.audit import Details
from web.call import Call
from web.schemas.admin import Decision

__all__ = ["note", "was_done"]

log = structlog.get_logger("web.admin")


async def was_done(call: Call[Decision]) -> bool:
    """Whether another copy of this request has been here.

    Raises:
        AskIdReusedError: it had another body.

    """
    if call.key is None:
        return False
    ask_id = call.key.ask_id
    answer = await call.gateway.runtime.store.answer(ask_id.id)
    if answer is not None and answer.digest != ask_id.digest:
        raise AskIdReusedError
    return answer is not None


async def note(
    call: Call[Decision], action: str, subject: str, *, before: Details, after: Details
) -> None:
    """Have it written down that *action* was done to *subject*.

    Raises:
        ActorError: the database is out of reach, and the log does not have it.

    """
    runtime = call.gateway.runtime
    message = audit.Note(
        at=runtime.clock.now(),
        by=call.user_id,
        action=action,
        subject=subject,
        reason=call.input.reason,
        before=before,
        after=after,
    )
    try:
        await _note(call, message)
    except ActorError as error:
        log.exception("admin.not_noted", action=action, subject=subject, by=call.user_id,
                      why=str(error))  # fmt: skip
        raise
    log.warning("admin.did", action=action, subject=subject, by=call.user_id)


async def _note(call: Call[Any], message: audit.Note) -> None:
    if call.key is not None:
        try:
            await call.ask_once(audit.log(), message)
        except ActorError as error:
            if error.executed != "no":
                raise
        else:
            return
    await call.gateway.runtime.tell(audit.log(), message, by=call.user_id)
