"""What is offered for running Coatcheck: the compose file, nginx, systemd, Kubernetes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from coatcheck.settings import Settings
from tests.engines import nginx
from tests.test_packaging import PREFIX, ROOT, known_variables

#: Beside the compose file, where there is one.
SETTINGS = {"path": ".env", "required": False}

DEPLOY = ROOT / "deploy"
OPERATIONS = ROOT / "docs" / "operations.md"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def kubernetes() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", OPERATIONS.read_text("utf-8"), re.M | re.S)
    return [each for block in blocks for each in yaml.safe_load_all(block)]


def test_only_settings_that_exist_are_spoken_of() -> None:
    for path in (ROOT / "docker-compose.yml", *DEPLOY.iterdir(), OPERATIONS):
        named = set(re.findall(rf"{PREFIX}[A-Z0-9_]+[A-Z0-9]", path.read_text(encoding="utf-8")))
        assert named <= known_variables(), path.name


def test_what_services_need_is_in_the_compose_file(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= services.keys(), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).is_file(), volume
        assert service.get("environment", {}).keys() <= known_variables() | {
            "POSTGRES_USER",
            "POSTGRES_DB",
            "POSTGRES_INITDB_ARGS",
        }


def test_nodes_start_on_a_database_that_was_migrated_and_wait_for_the_store(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    for node in (services["node1"], services["node2"]):
        assert node["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert node["depends_on"]["seaweedfs"]["condition"] == "service_healthy"
        assert node["environment"] == services["migrate"]["environment"]
        settings = Settings(
            **{
                k.removeprefix(PREFIX).lower(): v
                for k, v in node["environment"].items()
                if "$" not in v
            }
        )
        assert settings.forwarded_allow == "on"
        assert int(node["stop_grace_period"].removesuffix("s")) > settings.graceful_timeout
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert services["migrate"]["restart"] == "no"


def test_the_single_node_of_the_compose_file_needs_nothing_else(compose: dict[str, Any]) -> None:
    single = compose["services"]["single"]
    assert single["profiles"] == ["single"]
    assert "depends_on" not in single
    assert single["env_file"] == [SETTINGS]
    assert single["environment"]["COATCHECK_DATA_DIR"] == "/data"  # whatever that file says


def test_secrets_are_in_a_file_that_no_checkout_has(compose: dict[str, Any]) -> None:
    example = (DEPLOY / "secrets.env.example").read_text(encoding="utf-8")
    names = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert names == {
        "POSTGRES_PASSWORD",
        "PGPASSWORD",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert "/deploy/secrets.env" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    for name in ("postgres", "seaweedfs"):
        assert compose["services"][name]["env_file"] == ["deploy/secrets.env"]
    for name in ("node1", "node2", "migrate"):
        assert compose["services"][name]["env_file"] == [SETTINGS, "deploy/secrets.env"]


def test_nginx_has_the_nodes_of_the_compose_file(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    nodes = {name for name in compose["services"] if name.startswith("node")}
    assert set(re.findall(r"server (\w+):8080", text)) == nodes


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    path = nginx.configured(tmp_path, 8080, ["127.0.0.1:1", "127.0.0.1:2"])
    command = [nginx.program(), "-t", "-q", "-p", str(tmp_path), "-c", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    assert "[warn]" not in ran.stderr, ran.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "coatcheck.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/coatcheck/bin/coatcheck serve " in text
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("NO SYSTEMD: install it to have the unit verified")
    unit = tmp_path / "coatcheck.service"
    unit.write_text(text.replace("/opt/coatcheck/bin/coatcheck", sys.executable))
    ran = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60
    )
    about_it = [line for line in ran.stderr.splitlines() if "coatcheck.service" in line]
    assert about_it == []


def test_what_kubernetes_is_told_fits_together() -> None:
    manifests = {(each["kind"], each["metadata"]["name"]): each for each in kubernetes()}
    deployment = manifests["Deployment", "coatcheck"]["spec"]
    pod = deployment["template"]
    (container,) = pod["spec"]["containers"]
    assert deployment["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    service = manifests["Service", "coatcheck"]["spec"]
    assert service["selector"] == deployment["selector"]["matchLabels"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/-/health"
    assert pod["spec"]["terminationGracePeriodSeconds"] > Settings().graceful_timeout
    (migration,) = manifests["Job", "coatcheck-migrate"]["spec"]["template"]["spec"]["containers"]
    assert migration["args"] == ["db", "upgrade"]
    told = manifests["Secret", "coatcheck"]["stringData"]
    assert told["COATCHECK_FORWARDED_ALLOW"] == "on"  # the Ingress sets them
    (authority,) = re.findall(r"sslrootcert=([^&]+)", told["COATCHECK_DATABASE_URL"])
    for spec in (pod["spec"], manifests["Job", "coatcheck-migrate"]["spec"]["template"]["spec"]):
        (volume,) = (each for each in spec["volumes"] if each["name"] == "database-ca")
        (mount,) = (
            each for each in spec["containers"][0]["volumeMounts"] if each["name"] == volume["name"]
        )
        source = volume["configMap"]["name"]
        file = authority.removeprefix(f"{mount['mountPath']}/")
        assert file in manifests["ConfigMap", source]["data"]
    for each in (container, migration):
        sources = [source["secretRef"]["name"] for source in each["envFrom"]]
        assert all(("Secret", name) in manifests for name in sources)
