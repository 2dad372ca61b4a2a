"""Looking inside, for administrators: what runs, what waits, what failed; and acting on it.

Looking wakes no sleeper, and nothing runs while nobody looks. What is shown has no secret and
nothing personal in it. Each act has a reason, and goes into the audit log with what was before and
after; it goes past the mailbox where the actor itself might not answer.

Layout, in reading order:

- `desk`                what is seen: the node as a whole, and single actors; by REST and live
- `names`, `texts`      what is not shown: e-mail addresses in keys and in what errors say
- `overview`, `actors`  the node, the actors, their journals
- `lists`               timers, parked messages, partitions, the audit log; `cursors`: places there
- `watching`            the same for those who watch over `/ws`
- `actions`, `parked`   acting on actors and on parked messages; `noting` tells the log
- `refund`              a buyer's money back
- `routes`              all of it
"""
