"""Nothing may talk to anything but along the arrows that are drawn here."""

import pytest

from tests.ship.manifests import OVERLAYS, rendered
from tests.ship.network import Arrow, End, arrows
from ticketing.roles import GATEWAY, SERVICES

PROCESSES = (GATEWAY, *SERVICES)
DATABASE = End("database", {"cnpg.io/cluster": "database"})  # CloudNativePG's pods.
PORTS = {53, 80, 443, 3000, 4222, 5432, 6222, 6443, 8000, 8222, 9187}


def drawn(*rows: tuple[str | tuple[str, ...], str, int]) -> set[Arrow]:
    return {
        Arrow(source, target, port)
        for sources, target, port in rows
        for source in ((sources,) if isinstance(sources, str) else sources)
    }


EVERYWHERE = drawn(
    ("ingress", GATEWAY, 3000),
    *(("prometheus", process, 3000) for process in PROCESSES),
    (PROCESSES, "nats", 4222),
    (PROCESSES, "dns", 53),
    ("payments", "world", 443),
)
ONLY_THERE = {
    "dev": drawn(
        (PROCESSES, "postgres", 5432),
        ("ingress", "sandbox", 3000),
        ("payments", "sandbox", 3000),
        ("sandbox", GATEWAY, 3000),
        (("postgres", "sandbox", "nats"), "dns", 53),
    ),
    "production": drawn(
        ((*PROCESSES, "migrate"), "database", 5432),
        ("operator", "database", 8000),
        ("prometheus", "database", 9187),
        *(("database", end, port) for end in ("world", "stranger") for port in (443, 6443)),
        (("migrate", "nats", "database"), "dns", 53),
    ),
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_arrows_are_those_that_are_drawn(overlay: str) -> None:
    manifests = rendered(overlay)
    pods = [End(each.component, each.labels) for each in manifests.workloads()]
    if overlay == "production":
        pods.append(DATABASE)
    # To the bucket and the API server, wherever they are: CloudNativePG's instances alone.
    anywhere = {"ingress", "prometheus", "dns", "operator"} if overlay == "production" else set()
    found = {
        each
        for each in arrows(manifests, pods, PORTS)
        if not (each.source == "database" and each.target in anywhere and each.port != 53)
    }
    assert found == EVERYWHERE | ONLY_THERE[overlay]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_no_policy_allows_is_denied(overlay: str) -> None:
    denying = rendered(overlay).of("NetworkPolicy")["default-deny"]["spec"]
    assert denying == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
