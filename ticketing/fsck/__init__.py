"""`ticketing fsck`: proves on a live database that what must always be true is true.

It looks and changes nothing: one read-only transaction sees everything at one instant, while the
server goes on. All times are the database's.

Layout, in reading order:

- `violation`  what is found
- `fragments`  what the rules are put together out of
- `queries`    the rules about pairs and deadlines: one query a rule
- `money`      those about payments and the ledger
- `history`    the journal, folded, against the rows: state == fold(apply, journal)
- `parallel`   that in several processes, if there is much of it
- `inbox`      every message that waits can be delivered and read
- `audit`      the chain of the audit log
- `provider`   what the payment provider holds, against the orders
- `check`      all of it, in one transaction; the command
- `rounds`     a slice of it a second, by the running system

What two commits do one after the other, a ticket's and then its order's, is briefly half done. Such
a pair is a violation only when it has been open for 10 s and no message is on its way that will
close it. A timer that is set for later is not on its way.
"""

from ticketing.fsck.check import check, run
from ticketing.fsck.violation import Violation

__all__ = ["Violation", "check", "run"]
