"""`ticketing backup` and `ticketing restore`: the embedded database as one file, and back.

A backup is taken while the server goes on: all of it is as it was at one instant. It is one zip
file that only its owner may read, since it holds what there is of secrets:

| member | holds |
|---|---|
| `database.dump` | the database, as `pg_dump` writes it (custom format) |
| `keys/data` | the keys that open what is sealed in it, unless they were given as settings |
| `sandbox/sandbox.jsonl` | the payment sandbox's books, if the server has one beside it |
| `manifest.json` | what there must be after a restore; the last: without it a file is cut off |

A restore goes into a database beside the one that is there, is held against the manifest there, and
only then takes its place. What goes wrong before loses nothing. What the restored database cannot
know is seen to as well: its nodes are dead, and sessions and tokens of before are not accepted any
more, since it has forgotten who signed out everywhere after it was made.

Layout: `file` is the format, `programs` runs PostgreSQL's own, `make` and `restore` are the
commands. A database of one's own (`DATABASE_URL`) is backed up by its own means, of which
docs/operations.md tells.
"""

from ticketing.backup.file import BackupError
from ticketing.backup.make import make
from ticketing.backup.restore import restore

__all__ = ["BackupError", "make", "restore"]
