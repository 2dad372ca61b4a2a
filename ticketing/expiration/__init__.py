"""Expiration: the deadlines as a whole.

Every ticket and order has a timer of its own; this service looks after all of them. Sixteen
*watches*, each for a sixteenth of the actors, have the sweeper look for what should have happened
and did not - and tell the actor to act. In good times there is nothing to find.

Layout, in reading order:

- `messages`  what is said between watches and sweeper
- `state`     what a watch remembers: how much it had to repair
- `actor`     the watch
- `worker`    the sweeper, who looks
- `queries`   what it looks for
"""

from ticketing.expiration.messages import WATCH, WATCHES, Look, Repaired, watch

__all__ = ["WATCH", "WATCHES", "Look", "Repaired", "watch"]
