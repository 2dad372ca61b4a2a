"""Live updates: `/ws`, over which browsers and programs watch tickets and orders.

It only reads; every change goes through REST. A client subscribes to topics, is told the state of
their items and from then on each newer state, in the protocol `tickets.v1`.

Layout, in reading order:

- `protocol`, `names`    what is said, and the topics that can be named
- `updates`              `GET /ws`: the handshake, and listening to a socket
- `hub`                  the sockets, and the rounds in which they hear
- `topics`, `topic`      the newest state of each item, in the order of the last change
- `socket`               where one client is in each topic, and whether it takes anything
- `sources`, `items`     from a commit, or the database, to the items of a topic, encoded once
- `looks`                what nobody commits is looked at, while an administrator watches
- `resync`               what is read anew, when the bus may have missed something
- `people`, `admission`  whose sockets they are, and how many there may be
- `frames`, `metrics`, `lifetime`

It does not do: queues (what was missed is the newest state, not every step), promises about what
is not committed, and changes.
"""
