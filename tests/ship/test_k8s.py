"""The manifests of both overlays: valid, as safe as they are meant to be, and of this program.

A cluster is not needed for it, and there is none here: what a cluster does with them is not seen.
"""

import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from actors import membership, runtime
from tests.ship.manifests import OVERLAYS, ROOT, environment, program, rendered
from tests.ship.schemas import refuse_unless_valid
from ticketing import generated_keys, serve
from ticketing.embedded import binaries
from ticketing.roles import GATEWAY, SERVICES, Roles, refuse_unless_fit
from ticketing.settings import DOCUMENTATION, STRIPE_API_BASE, Settings
from web import probes, server

# What others make: people by `kubectl create secret`, operators, cert-manager.
JWT = {"JWT_KEY": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"}
LIVE = {
    "STRIPE_KEY": "sk_live_made_up_for_this_test",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_made_up_for_this_test",
    "STRIPE_WEBHOOK_SECRETS": "whsec_bWFkZSB1cCBmb3IgdGhpcyB0ZXN0",
}
KEYS = {
    "SESSION_KEYS": "P8TM_nRYcOLA2Z9x8w_wZWyN7dQcwdfT03aw2-aF4vM=",
    "TICKETING_DATA_KEYS": "i1udsME9skJWyCmqNkqpDG0uujGLkjKkq5MTuVTTVV8=",
}
MADE_ELSEWHERE: dict[str, dict[str, dict[str, str]]] = {
    "dev": {"jwt-secret": JWT},
    "production": {
        "jwt-secret": JWT,
        "stripe-secret": LIVE,
        "ticketing-keys": KEYS,
        "database-app": {"uri": "postgresql://ticketing:x@database-rw.ticketing:5432/ticketing"},
        "nats-client": {"NATS_URL": "tls://ticketing:x@nats-0.nats:4222", "NATS_PASSWORD": "x"},
    },
}
MADE_BY_OPERATORS = {"database-app", "database-ca"}  # CloudNativePG's, for the Cluster `database`.

# Read by asyncpg and by OpenSSL, not by us.
OF_LIBRARIES = {"PGSSLMODE", "PGSSLROOTCERT", "SSL_CERT_FILE"}

# Partitions handed over, connections sent away, what is being asked, what runs behind it.
STOP_SECONDS = (
    membership.HAND_OVER_SECONDS
    + serve.PARTING_SECONDS
    + server._FINISH_SECONDS
    + runtime.DRAIN_SECONDS
)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    for each in rendered(overlay).objects:
        refuse_unless_valid(each)


def test_a_misspelled_field_is_noticed() -> None:
    """Else the test above could not fail."""
    deployment = yaml.safe_load((ROOT / "k8s/base/orders.yaml").read_text().partition("---")[0])
    deployment["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        refuse_unless_valid(deployment)
    (database,) = rendered("production").of("Cluster").values()
    misspelled = database | {"spec": database["spec"] | {"instance": 3}}
    with pytest.raises(jsonschema.ValidationError):
        refuse_unless_valid(misspelled)
    with pytest.raises(KeyError):
        refuse_unless_valid({"apiVersion": "apps/v1", "kind": "Deploiment", "spec": {}})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_role_has_a_deployment(overlay: str) -> None:
    processes = rendered(overlay).processes()
    assert sorted(each.services for each in processes) == sorted((GATEWAY, *SERVICES))
    for each in processes:
        assert (each.kind, each.name) == ("Deployment", f"{each.services}-depl")
        assert each.component == each.services


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_process_starts_with_what_it_is_given(overlay: str, tmp_path: Path) -> None:
    known = {doc.name for doc in DOCUMENTATION} | OF_LIBRARIES
    manifests, folder = rendered(overlay), tmp_path / "read-only"
    for each in manifests.processes():
        given = environment(manifests, each, MADE_ELSEWHERE[overlay])
        assert set(given) <= known, each.name
        settings = Settings.from_env(given | {"TICKETING_DATA_DIR": str(folder)})
        does = Roles.parse(each.services)
        refuse_unless_fit(does, settings, processes=1)
        generated_keys.fill_in(settings, needs_provider=does.needs_provider)
        assert not folder.exists()  # There is no place where a file could be written.
        assert settings.host == "0.0.0.0"  # noqa: S104 - in a pod of its own
        (port,) = each.container["ports"]
        assert settings.port == port["containerPort"]
        assert (settings.env == "production") == (overlay == "production" and does.needs_provider)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_pods_ask_for_is_there(overlay: str) -> None:
    manifests = rendered(overlay)
    secrets = {*manifests.of("Secret"), *manifests.of("ExternalSecret"), *MADE_BY_OPERATORS}
    secrets |= {each["spec"]["secretName"] for each in manifests.of("Certificate").values()}
    if overlay == "production":
        assert not manifests.of("Secret")
        assert set(MADE_ELSEWHERE[overlay]) <= secrets
    for each in manifests.workloads():
        environment(manifests, each, MADE_ELSEWHERE[overlay])
        for volume in each.pod.get("volumes", []):
            if "configMap" in volume:
                assert volume["configMap"]["name"] in manifests.of("ConfigMap")
            if "secret" in volume:
                assert volume["secret"]["secretName"] in secrets


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_may_do_nothing_that_they_need_not(overlay: str) -> None:
    manifests = rendered(overlay)
    for each in manifests.workloads():
        pod, container = each.pod, each.container
        assert pod["securityContext"]["runAsNonRoot"] is True, each.name
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, each.name
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
        assert not any("hostPath" in volume for volume in pod.get("volumes", []))
        assert pod["automountServiceAccountToken"] is False
        account = manifests.of("ServiceAccount")[pod["serviceAccountName"]]
        assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_containers_have_limits_a_version_and_probes(overlay: str) -> None:
    for each in rendered(overlay).workloads():
        container = each.container
        for kind in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][kind]), each.name
        name, _, tag = container["image"].rpartition(":")
        assert name, f"{each.name} has an image without a tag"
        assert tag != "latest"
        if each.kind == "Job":
            assert (overlay, each.component) == ("production", "migrate")
            continue
        asked = [container[f"{probe}Probe"] for probe in ("startup", "readiness", "liveness")]
        if each.is_process:
            paths = [probe["httpGet"]["path"] for probe in asked]
            assert paths == [probes.LIVE, probes.READY, probes.LIVE]
            assert all(probe["httpGet"]["port"] == "http" for probe in asked)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_rollout_and_a_drained_machine_take_no_service_away(overlay: str) -> None:
    manifests = rendered(overlay)
    budgets = [each["spec"] for each in manifests.of("PodDisruptionBudget").values()]
    for each in manifests.workloads():
        if each.kind != "Deployment":
            continue
        (budget,) = [
            one for one in budgets if one["selector"]["matchLabels"].items() <= each.labels.items()
        ]
        assert budget["maxUnavailable"] == 1
    for each in manifests.processes():
        assert each.spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        topologies = [one["topologyKey"] for one in each.pod["topologySpreadConstraints"]]
        assert topologies == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        pause = each.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {"seconds": 0})
        # New connections come to the gateway alone.
        assert (pause["seconds"] > 0) == (each.services == GATEWAY)
        assert each.pod["terminationGracePeriodSeconds"] >= pause["seconds"] + STOP_SECONDS
        replicas = each.spec.get("replicas")
        scaled = overlay == "production" and each.services == GATEWAY
        assert replicas == (None if scaled else 2 if overlay == "production" else 1)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_lead_to_pods(overlay: str) -> None:
    manifests = rendered(overlay)
    for name, service in manifests.of("Service").items():
        (pod,) = [
            each
            for each in manifests.workloads()
            if service["spec"]["selector"].items() <= each.labels.items()
        ]
        ports = {port["name"] for port in pod.container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name
    (ingress,) = manifests.of("Ingress").values()
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            ports = manifests.of("Service")[backend["name"]]["spec"]["ports"]
            assert backend["port"]["name"] in {port["name"] for port in ports}
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "3600"
    assert ("tls" in ingress["spec"]) == (overlay == "production")


def test_production_scales_gateways_and_keeps_what_was_answered() -> None:
    manifests = rendered("production")
    (scaler,) = manifests.of("HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] == "gateway-depl"
    assert scaler["spec"]["minReplicas"] >= 2
    (database,) = manifests.of("Cluster").values()
    assert database["spec"]["instances"] == 3
    assert database["spec"]["postgresql"]["synchronous"] == {
        "method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True,
    }  # fmt: skip
    assert manifests.of("ScheduledBackup")
    (nats,) = [each for each in manifests.workloads() if each.component == "nats"]
    assert nats.spec["replicas"] == 3


def test_skaffold_builds_the_image_that_the_manifests_ask_for() -> None:
    skaffold = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    (artifact,) = skaffold["build"]["artifacts"]
    assert (ROOT / artifact["docker"]["dockerfile"]).is_file()
    (folder,) = skaffold["manifests"]["kustomize"]["paths"]
    assert (ROOT / folder / "kustomization.yaml").is_file()
    images = {each.container["image"].rpartition(":")[0] for each in rendered("dev").processes()}
    assert images == {artifact["image"]}


def test_the_secrets_are_those_of_the_original() -> None:
    for overlay in OVERLAYS:
        for each in rendered(overlay).processes():
            (jwt,) = [one for one in each.container["env"] if one["name"] == "JWT_KEY"]
            assert jwt["valueFrom"] == {"secretKeyRef": {"name": "jwt-secret", "key": "JWT_KEY"}}
    stripe = {"stripe-secret": {"STRIPE_KEY": "sk_test_x", "STRIPE_API_BASE": STRIPE_API_BASE}}
    dev = rendered("dev")
    for each in dev.processes():
        pays = Roles.parse(each.services).needs_provider
        without = environment(dev, each, MADE_ELSEWHERE["dev"])
        assert ("STRIPE_KEY" in without, "STRIPE_API_BASE" in without) == (False, pays)
        settings = Settings.from_env(environment(dev, each, MADE_ELSEWHERE["dev"] | stripe))
        assert (settings.stripe_key != "", settings.stripe_api_base) == (pays, STRIPE_API_BASE)


def test_what_the_migration_needs_can_be_applied_before_all_else() -> None:
    production = rendered("production")
    component = "app.kubernetes.io/component"
    labelled = {(each["kind"], each["metadata"]["name"]) for each in production.objects
                if each["metadata"].get("labels", {}).get(component) == "migrate"}  # fmt: skip
    (job,) = [each for each in production.workloads() if each.kind == "Job"]
    (config,) = [each["configMapRef"]["name"] for each in job.container["envFrom"]]
    account = ("ServiceAccount", job.pod["serviceAccountName"])
    assert labelled == {("Job", job.name), account, ("ConfigMap", config)}


def test_browsers_are_told_addresses_that_lead_in() -> None:
    for overlay, scheme in (("dev", "http"), ("production", "https")):
        manifests = rendered(overlay)
        (ingress,) = manifests.of("Ingress").values()
        hosts = [f"{scheme}://{rule['host']}" for rule in ingress["spec"]["rules"]]
        (gateway,) = [each for each in manifests.processes() if each.services == GATEWAY]
        given = environment(manifests, gateway, MADE_ELSEWHERE[overlay])
        sandbox = [given["STRIPE_API_BASE"]] if overlay == "dev" else []
        assert [given["TICKETING_PUBLIC_URL"], *sandbox] == hosts
        for tls in ingress["spec"].get("tls", []):
            assert [f"{scheme}://{host}" for host in tls["hosts"]] == hosts


def test_what_runs_there_is_what_the_tests_run_against() -> None:
    images = [each.container["image"] for overlay in OVERLAYS
              for each in rendered(overlay).workloads()]  # fmt: skip
    images += [each["spec"]["imageName"] for each in rendered("production").of("Cluster").values()]
    found = {
        (name, image.partition(f"{name}:")[2].partition("-")[0])
        for image in images
        for name in ("postgres", "postgresql", "nats")
        if f"{name}:" in image
    }
    nats = _said(program("nats-server"), "-v").rpartition("v")[2]
    postgres = _said(str(binaries.find() / "postgres"), "--version").split()[2]
    assert found == {("postgres", postgres), ("postgresql", postgres), ("nats", nats)}


def _said(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own programs
