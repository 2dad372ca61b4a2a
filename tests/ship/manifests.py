"""The manifests of `k8s/` as a cluster would get them: put together by kubectl, read as objects."""

import functools
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

Object = dict[str, Any]

ROOT: Final = Path(__file__).parents[2]
OVERLAYS: Final = ("dev", "production")

_BESIDE_PYTHON: Final = Path(sys.executable).parent
_WITH_PODS: Final = ("Deployment", "StatefulSet", "Job")


class Workload(NamedTuple):
    """What makes pods."""

    kind: str
    name: str
    spec: Object
    """Of the workload itself."""
    labels: dict[str, str]
    pod: Object
    """What each pod is made of."""

    @property
    def component(self) -> str:
        return self.labels["app.kubernetes.io/component"]

    @property
    def container(self) -> Object:
        """There is one in each pod."""
        (only,) = self.pod["containers"]
        found: Object = only
        return found

    @property
    def is_process(self) -> bool:
        """Whether it is `ticketing serve`."""
        return self.container.get("args", [""])[0] == "serve"

    @property
    def services(self) -> str:
        """What a process is told to do."""
        _, option, services = self.container["args"]
        assert option == "--services"
        return str(services)


class Manifests:
    """All objects of one overlay."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def of(self, kind: str) -> dict[str, Object]:
        """Those of a kind, by name."""
        return {each["metadata"]["name"]: each for each in self.objects if each["kind"] == kind}

    def workloads(self) -> Iterator[Workload]:
        for each in self.objects:
            if each["kind"] in _WITH_PODS:
                template = each["spec"]["template"]
                labels = template["metadata"]["labels"]
                name = each["metadata"]["name"]
                yield Workload(each["kind"], name, each["spec"], labels, template["spec"])

    def processes(self) -> list[Workload]:
        return [each for each in self.workloads() if each.is_process]

    def values(self, source: str, name: str) -> dict[str, str] | None:
        """What a ConfigMap or a Secret has; None: it is not in here."""
        found = self.of(source).get(name)
        if found is None:
            return None
        if source == "ConfigMap":
            return dict(found["data"])
        return {key: b64decode(value).decode() for key, value in found["data"].items()}


def environment(
    manifests: Manifests, workload: Workload, elsewhere: dict[str, dict[str, str]]
) -> dict[str, str]:
    """The environment of a container, as the kubelet would put it together."""

    def values(source: str, reference: dict[str, str]) -> dict[str, str]:
        kind = "ConfigMap" if source.startswith("configMap") else "Secret"
        found = manifests.values(kind, reference["name"]) or elsewhere.get(reference["name"])
        if found is None:
            assert reference.get("optional"), f"{workload.name} asks for {reference}"
            return {}
        return found

    found: dict[str, str] = {}
    for one in workload.container.get("envFrom", []):
        ((source, reference),) = one.items()
        found |= values(source, reference)
    for one in workload.container.get("env", []):
        if "value" in one:
            found[one["name"]] = one["value"]
            continue
        ((source, reference),) = one["valueFrom"].items()
        if source != "fieldRef":
            found[one["name"]] = values(source, reference)[reference["key"]]
    return found


def program(name: str) -> str:
    """A program that came with a package, else the one on the PATH."""
    found = shutil.which(name, path=str(_BESIDE_PYTHON)) or shutil.which(name)
    assert found is not None, name
    return found


@functools.cache
def rendered(overlay: str) -> Manifests:
    """What `kubectl apply -k` would send."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here: it comes in no package")
    folder = ROOT / "k8s" / "overlays" / overlay
    text = subprocess.run(  # noqa: S603 - our own files
        [program("kubectl"), "kustomize", folder], check=True, capture_output=True, text=True
    ).stdout
    return Manifests(list(yaml.safe_load_all(text)))
