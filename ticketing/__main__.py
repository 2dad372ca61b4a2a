"""The commands: `ticketing serve`, `migrate`, `demo`, `fsck`, `backup` and others.

This is the composition root, above all layers: here the database, the services, the payment
sandbox and the gateway are put together and taken apart again.
"""

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog

from actors import ActorError
from migrations import MigrationError, migrate
from ticketing import (
    admin,
    backup,
    database,
    demo,
    event_loop,
    fsck,
    generated_keys,
    logs,
    processes,
    serve,
)
from ticketing import settings_values as values
from ticketing.embedded import AlreadyServingError, EmbeddedPostgresError
from ticketing.embedded.nats import NatsError
from ticketing.payments.sandbox import __main__ as sandbox
from ticketing.roles import ALL, Roles, refuse_unless_fit
from ticketing.sandbox_process import SandboxError
from ticketing.settings import Settings, SettingsError, describe

__all__ = ["main"]

log = structlog.get_logger("ticketing")

PROCESSES_MAX: Final = 64

# What people can mend: told in one line, without a traceback.
_MENDABLE = (
    SettingsError,
    MigrationError,
    AlreadyServingError,
    EmbeddedPostgresError,
    NatsError,
    SandboxError,
    ActorError,
    backup.BackupError,
    admin.NoSuchAccountError,
    demo.DemoError,
    asyncpg.PostgresError,
    asyncpg.ClientConfigurationError,
    OSError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status. 2 and one line if it cannot do what was asked."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["sandbox"]:
        return sandbox.main(words[1:])
    given = _parser().parse_args(words)
    try:
        settings = _settings(given)
        logs.configure(settings.log)
        command: Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]] = given.run
        return event_loop.run(command(settings, given))
    except _MENDABLE as error:
        print(f"ticketing: {_told(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _told(error: BaseException) -> str:
    """*error* in words: without "[Errno 98]", and with what it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _settings(given: argparse.Namespace) -> Settings:
    settings = Settings.from_env(os.environ)
    changes = {
        name: value
        for name, value in (("host", given.host), ("port", given.port))
        if value is not None
    }
    if changes:
        # The public URL follows the address unless it was given itself.
        public_url = os.environ.get("TICKETING_PUBLIC_URL", "").strip()
        settings = replace(settings, **changes, public_url=public_url and settings.public_url)
    return settings


async def _serve(settings: Settings, given: argparse.Namespace) -> int:
    does, count = Roles.parse(given.services), _count(given.processes)
    refuse_unless_fit(does, settings, processes=count)
    missing = generated_keys.not_given(settings)
    if settings.nats_url and missing and not given.shared_port:
        # What one process signs and seals, all others must be able to read.
        log.warning("keys.generated", names=missing, needed_everywhere=str(settings.data_dir))
    settings = generated_keys.fill_in(settings, needs_provider=does.needs_provider)
    if count > 1:
        return await processes.serve(settings, does, count)
    return await serve.serve(settings, does, shared=given.shared_port)


async def _migrate(settings: Settings, _given: argparse.Namespace) -> int:
    async with database.for_command(settings, _note) as found:
        connection = await asyncpg.connect(found.dsn)
        try:
            applied = await migrate(connection)
        finally:
            await connection.close()
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    return 0


async def _demo(settings: Settings, _given: argparse.Namespace) -> int:
    print(await demo.run(settings))
    return 0


async def _fsck(settings: Settings, _given: argparse.Namespace) -> int:
    async with database.for_command(settings, _note) as found:
        return await fsck.run(found.dsn)


async def _backup(settings: Settings, given: argparse.Namespace) -> int:
    print(await backup.make(settings, given.file, _note))
    return 0


async def _restore(settings: Settings, given: argparse.Namespace) -> int:
    print(await backup.restore(settings, given.file, replace=given.replace, log=_note))
    return 0


async def _admin(settings: Settings, given: argparse.Namespace) -> int:
    async with database.for_command(settings, _note) as found:
        print(await admin.change_role(found.dsn, given.email, given.change))
    return 0


async def _reset(settings: Settings, given: argparse.Namespace) -> int:
    async with database.for_command(settings, _note) as found:
        print(await admin.offer_reset(found.dsn, given.email, settings.public_url))
    return 0


def _note(line: str) -> None:
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ticketing", description="A ticket marketplace built as an actor service."
    )
    parser.set_defaults(host=None, port=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser(
        "serve",
        help="start everything; prints `ready URL` when it accepts requests",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Settings, from the environment:\n\n{describe()}",
    )
    serving.add_argument("--host", help="instead of TICKETING_HOST")
    serving.add_argument("--port", type=int, help="instead of TICKETING_PORT; 0 takes a free one")
    serving.add_argument(
        "--services",
        default="all",
        help=f"what this process does, separated by commas: all (the default), or some of {ALL}",
    )
    serving.add_argument("--processes", default="1", help="so many processes at one address")
    # Whoever starts several processes at one address says so; each listens when it can serve.
    serving.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)
    serving.set_defaults(run=_serve)
    migrating = commands.add_parser("migrate", help="apply the migrations that are missing")
    migrating.set_defaults(run=_migrate)
    showing = commands.add_parser("demo", help="fill a development system with things to look at")
    showing.set_defaults(run=_demo)
    checking = commands.add_parser("fsck", help="check every invariant on the database")
    checking.set_defaults(run=_fsck)
    _add_backup(commands)
    commands.add_parser("sandbox", help="the payment sandbox alone (see `ticketing sandbox -h`)")
    _add_admin(commands)
    return parser


def _count(text: str) -> int:
    try:
        return values.whole_number(1, PROCESSES_MAX)(text)
    except values.UnexpectedError as refusal:
        raise SettingsError("--processes", refusal.expected, refusal.got) from None


def _add_backup(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    saving = commands.add_parser("backup", help="copy the embedded database to one file")
    saving.set_defaults(run=_backup)
    restoring = commands.add_parser("restore", help="bring back what `backup` wrote")
    restoring.add_argument(
        "--replace", action="store_true", help="give up the database that is there for it"
    )
    restoring.set_defaults(run=_restore)
    for each in (saving, restoring):
        each.add_argument("file", type=Path, metavar="FILE")


def _add_admin(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    administering = commands.add_parser("admin", help="who is an administrator; a new password")
    changes = administering.add_subparsers(required=True, metavar="CHANGE", dest="change")
    for change, text in (("grant", "give an account the admin role"), ("revoke", "take it")):
        changing = changes.add_parser(change, help=text)
        changing.set_defaults(run=_admin)
    resetting = changes.add_parser("reset", help="print a one-time link for a new password")
    resetting.set_defaults(run=_reset)
    for each in changes.choices.values():
        each.add_argument("email", help="of an existing account")


if __name__ == "__main__":
    sys.exit(main())
