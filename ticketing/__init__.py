"""The domain: tickets, orders, payments, and who people are. Knows no HTTP.

A purchase in a few lines. The gateway asks an *order* to be placed; the order asks the *ticket* to
be reserved, and records what it was promised. Both set a timer for the deadline. To pay, a
*payment* asks the order whether and how much, records the attempt, and tells the *teller*, who
talks to the payment provider. When the card is authorised the payment asks the order to settle and
the order asks the ticket to be sold: that is the moment of sale. Then the money is captured, and
the order is complete. If the ticket is gone by then, the authorisation is dropped instead. Whatever
does not happen in time is undone by the ticket's own timer; the *watches* see to it that no timer
was lost.

    gateway -> payments -> orders -> tickets        (asks; tells may go anywhere)

Layout: one folder a service, with the same file names in each - `messages`, `state`, `actor`,
`worker`, `queries` - and beside them

- `values`, `errors`     the words every service uses, and every refusal
- `bootstrap`            builds the services; the only place that knows every actor class
- `fsck/`                checks every invariant on the database
- `settings`, `settings_values`, `generated_keys`, `vault`, `logs`, `reads`, `rate_limits`
- `__main__`, `serve`, `admin`    the commands
- `database`, `embedded/`, `sandbox_process`, `durable_file`    what a single machine needs
"""
