"""What one process does of all that a deployment does: which services, and whether a gateway.

`ticketing serve --services gateway,tickets`; without the option a process does everything. What a
process does not do itself it asks of the others, so a part of them is of use only with an address
where they meet, and with one database and one payment provider for all.
"""

from typing import NamedTuple, Self

from ticketing.settings import Settings, SettingsError

__all__ = ["ALL", "GATEWAY", "SERVICES", "Roles", "refuse_unless_fit"]

# In the order their partitions are stored (migration 0001).
SERVICES = ("auth", "tickets", "orders", "expiration", "payments")

GATEWAY = "gateway"

_OPTION = "--services"
_EVERYTHING = "all"
_NAMES = (GATEWAY, *SERVICES)


class Roles(NamedTuple):
    """The roles of a process."""

    services: tuple[str, ...]
    """Whose partitions it takes a share of, in the order of `SERVICES`."""
    has_gateway: bool
    """Without one it answers probes alone."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The roles in an option: names separated by commas, or `all`.

        Raises:
            SettingsError: a name that is none.

        """
        names = [name.strip() for name in text.split(",")]
        if names == [_EVERYTHING]:
            names = list(_NAMES)
        for name in names:
            if name not in _NAMES:
                expected = f"{_EVERYTHING}, or some of {','.join(_NAMES)}"
                raise SettingsError(_OPTION, expected, repr(name))
        return cls(tuple(name for name in SERVICES if name in names), GATEWAY in names)

    @property
    def is_everything(self) -> bool:
        return self == ALL

    @property
    def needs_provider(self) -> bool:
        """Whether it calls the payment provider, or sends browsers to it."""
        return self.has_gateway or "payments" in self.services

    def __str__(self) -> str:
        return ",".join((*((GATEWAY,) if self.has_gateway else ()), *self.services))


ALL = Roles(SERVICES, has_gateway=True)


def refuse_unless_fit(roles: Roles, settings: Settings, *, processes: int) -> None:
    """Refuse what cannot work: processes that would not meet, or not know the same.

    Raises:
        SettingsError: the first setting that is missing.

    """
    if not roles.is_everything:
        for name, value in (
            ("NATS_URL", settings.nats_url),
            ("DATABASE_URL", settings.database_url),
        ):
            if not value:
                raise SettingsError(name, f"where all processes meet ({_OPTION} {roles})", "none")
    # The processes of one parent share its sandbox; others would have books of their own each, and
    # know nothing of one another's payments.
    is_family = processes > 1 and roles.is_everything
    if settings.nats_url and not is_family and roles.needs_provider and settings.has_own_sandbox:
        expected = "STRIPE_KEY, or one `ticketing sandbox` for all processes (NATS_URL is set)"
        raise SettingsError("STRIPE_API_BASE", expected, "none")
