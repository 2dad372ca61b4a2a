"""What is measured, and against what. `make bench` runs it and prints a table; README.md has it.

Layout, in reading order:

- `__main__`  which rows, and the table of them; `table` what a row is
- `stage`     database, processes; `market` what the tables are filled with
- `orders`    (a), (b) purchases; `load` and `*.lua` send them, `peer` is compared with
- `deadlines` (c) lateness under load; `engine` is our runtime without a gateway
- `asks`      (d) asks a second, compared with Pykka
- `memory`    (e) what an actor costs awake and asleep; `soak`: and nothing when they have gone
- `restart`   (f) a start with a million tickets
- `paging`    (g) the last page of a million
"""
