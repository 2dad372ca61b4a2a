"""Which connections the NetworkPolicies of an overlay let through.

Written after the reference of networking.k8s.io/v1: a pod that a policy selects for a direction may
do there what some policy allows and nothing else, and a connection needs both of its ends.
"""

from typing import Any, Final, NamedTuple

from tests.ship.manifests import Manifests, Object

_NAME: Final = "kubernetes.io/metadata.name"


class End(NamedTuple):
    """An end of a connection: a pod of ours, a pod of another namespace, or the world."""

    name: str
    labels: dict[str, str]
    namespace: str | None = None
    """None: our own."""
    is_world: bool = False


class Arrow(NamedTuple):
    source: str
    target: str
    port: int


OUTSIDE: Final = (
    End("ingress", {}, "ingress-nginx"),
    End("prometheus", {}, "monitoring"),
    End("dns", {"k8s-app": "kube-dns"}, "kube-system"),
    End("operator", {}, "cnpg-system"),
    End("stranger", {}, "default"),
    End("world", {}, "", is_world=True),
)


def arrows(manifests: Manifests, pods: list[End], ports: set[int]) -> set[Arrow]:
    """Every connection that is let through between *pods* and with the outside."""
    policies = list(manifests.of("NetworkPolicy").values())
    ends = [*pods, *OUTSIDE]
    return {
        Arrow(source.name, target.name, port)
        for source in ends
        for target in ends
        for port in ports
        if source is not target
        if source in pods or target in pods
        if _lets(policies, "egress", source, target, port)
        if _lets(policies, "ingress", target, source, port)
    }


def _lets(policies: list[Object], direction: str, own: End, other: End, port: int) -> bool:
    if own.namespace is not None:
        return True  # Not ours to say.
    about = [
        each["spec"]
        for each in policies
        if direction.title() in each["spec"]["policyTypes"]
        and _selects(each["spec"]["podSelector"], own.labels)
    ]
    side = "to" if direction == "egress" else "from"
    rules = [rule for spec in about for rule in spec.get(direction, [])]
    return not about or any(_allows(rule, side, other, port) for rule in rules)


def _allows(rule: Object, side: str, other: End, port: int) -> bool:
    ports = rule.get("ports")
    peers = rule.get(side)
    return (ports is None or any(each["port"] == port for each in ports)) and (
        peers is None or any(_is(peer, other) for peer in peers)
    )


def _is(peer: Object, end: End) -> bool:
    if "ipBlock" in peer:
        return end.is_world
    if end.is_world:
        return False
    if "namespaceSelector" in peer:
        named = {} if end.namespace is None else {_NAME: end.namespace}
        if not _selects(peer["namespaceSelector"], named):
            return False
    elif end.namespace is not None:
        return False
    return _selects(peer.get("podSelector", {}), end.labels)


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    wanted: dict[str, Any] = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In", each
        if labels.get(each["key"]) not in each["values"]:
            return False
    return True
