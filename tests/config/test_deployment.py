"""What the files beside the code promise: containers, settings, commands, hooks."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from config import processes
from config.celery import app as celery_app

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DJANGO_SERVICES = ("web", "worker", "beat")


def names_in_example() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def names_read_by_settings() -> set[str]:
    text = (ROOT / "config" / "settings.py").read_text()
    return set(re.findall(r"\benv(?:\.[a-z_]+)?\(\s*[\"']([A-Z0-9_]+)[\"']", text))


def names_read_elsewhere() -> set[str]:
    """By docker compose, by the supervisor and by the sandbox."""
    compose = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    return compose | set(re.findall(r"\"((?:ACRONIS_DEMO|SANDBOX)_[A-Z_]+|PORT)\"", (ROOT / "config" / "processes.py").read_text()))


def stages() -> dict[str, str]:
    """The stages of the Dockerfile by name, with their lines."""
    found = re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    return dict(found)


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_is_in_the_example() -> None:
    assert len(names_read_by_settings()) > 10
    assert names_read_by_settings() <= names_in_example()


@pytest.mark.parametrize("address", ["cloud.acronis.com", "ftp://cloud.acronis.com", "https://cloud.acronis.com/api/2"])
def test_an_entry_address_that_is_none_stops_everything(address: str) -> None:
    env = {
        **os.environ,
        "SECRET_KEY": "only-for-tests",
        "DATABASE_URL": "postgresql://unused/unused",
        "REDIS_URL": "redis://unused",
    }
    env["ACRONIS_ENTRY_URL"] = address

    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "ACRONIS_ENTRY_URL must be a web address" in done.stderr


def test_example_names_nothing_that_nobody_reads() -> None:
    assert names_in_example() <= names_read_by_settings() | names_read_elsewhere()


def test_example_and_compose_hold_no_secret() -> None:
    example = (ROOT / ".env.example").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert re.search(rf"^{name}=$", example, re.MULTILINE), name
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_URL", variable):
                assert "${" in value, f"{name}: {variable}"


def test_secrets_that_are_not_set_stop_compose_before_anything_starts() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert set(re.findall(rf"\$\{{{name}[^}}]*\}}", text)) == {f"${{{name}:?set it in .env}}"}


# --- Containers -------------------------------------------------------------------------------------------------------


def test_compose_has_every_process_and_a_sandbox_only_when_asked_for() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}

    assert always == {"migrate", "web", "worker", "beat", "postgres", "redis"}
    assert SERVICES["sandbox"]["profiles"] == ["sandbox"]


def test_worker_takes_every_queue_a_task_may_go_to() -> None:
    command = SERVICES["worker"]["command"]
    taken = set(command[command.index("-Q") + 1].split(","))

    routed = {route["queue"] for route in celery_app.conf.task_routes.values()}
    assert taken == set(processes.QUEUES)
    assert routed | {celery_app.conf.task_default_queue} <= taken


def test_django_waits_for_healthy_servers_and_finished_migrations() -> None:
    for name in DJANGO_SERVICES:
        assert {other: wait["condition"] for other, wait in SERVICES[name]["depends_on"].items()} == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }
    assert SERVICES["migrate"]["restart"] == "no"


def test_everything_that_keeps_running_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        if name not in {"migrate", "web"}:
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name
    assert "healthcheck" not in SERVICES["web"]  # the image's own
    assert "HEALTHCHECK" in stages()["app"]
    assert "http://localhost:8000/healthz" in stages()["app"]


def test_host_names_of_the_example_let_the_health_check_in() -> None:
    example = (ROOT / ".env.example").read_text()
    found = re.search(r"^ALLOWED_HOSTS=(.*)$", example, re.MULTILINE)

    assert found is not None
    assert "localhost" in found[1].split(",")


def test_data_lies_in_named_volumes() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}

    assert used == set(COMPOSE["volumes"]) == {"postgres", "redis", "media", "sandbox"}
    for name in (*DJANGO_SERVICES, "migrate"):
        assert SERVICES[name]["environment"]["MEDIA_DIR"] == "/data/media"


def test_only_the_web_server_is_reached_from_outside_and_only_from_this_machine() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])


def test_targets_that_compose_builds_are_stages_that_do_not_run_as_root() -> None:
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}

    assert targets == {"app", "sandbox"}
    for target in targets:
        instructions = [line.split()[0] for line in stages()[target].splitlines() if re.match("[A-Z]+ ", line)]
        assert "USER cloudtill" in stages()[target]
        assert instructions.index("USER") < instructions.index("CMD")
    assert list(stages())[-1] == "app"  # what a plain `docker build` makes


def test_files_that_the_image_copies_exist_and_are_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]]

    assert "pyproject.toml" in copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert name not in ignored, name
    assert {".git", ".env", "var", ".venv", "tests"} <= set(ignored)


def test_modules_that_containers_run_exist() -> None:
    commands = [service.get("command", []) for service in SERVICES.values()]
    commands += [yaml.safe_load(line.replace("\\\n", "")) for line in re.findall(r"^CMD (\[.*?\])$", DOCKERFILE, re.M | re.S)]

    for command in commands:
        match command:
            case ["python", "manage.py", *_]:
                assert (ROOT / "manage.py").exists()
            case ["python", "-m", module, *_]:
                assert (ROOT / module / "__main__.py").exists()
            case ["gunicorn", application, *_]:
                assert (ROOT / (application.partition(":")[0].replace(".", "/") + ".py")).exists()
            case ["celery", "-A", package, *_]:
                assert (ROOT / package / "celery.py").exists()
            case ["sh", "-c", script] if script.startswith("exec valkey-server "):
                continue
            case ["sh", "-c", script]:
                for part in script.split(" && "):
                    assert shlex.split(part)[:2] == ["python", "manage.py"]
                    assert shlex.split(part)[2] in get_commands(), part
            case other:
                assert other == [], other


# --- Commands and pins --------------------------------------------------------------------------------------------------


def test_every_make_target_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    wanted = {*phony[1].split(), ".venv"}

    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True, env=_quiet()
    ).stdout

    assert {line.split()[1] for line in shown.splitlines()} == wanted
    assert {"demo", "up", "test", "lint", "bench", "audit", "constraints", "shots"} <= wanted


def test_tests_come_last_so_that_their_closing_line_does() -> None:
    planned = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True, env=_quiet()
    ).stdout.splitlines()

    assert planned[-1].endswith("-m pytest -n 2")
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports", "makemigrations --check"):
        assert any(tool in line for line in planned[:-1]), tool


def test_build_script_is_sound_and_ends_in_the_tests() -> None:
    script = ROOT / ".ci" / "run"

    subprocess.run(["bash", "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec make test")


def test_constraints_pin_every_dependency_and_name_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ]", name)[0]).lower() for name in wanted} - {"cloudtill"}
    assert names <= pins


def test_commit_hooks_need_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())

    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "lint-imports", "mypy"}
    assert all(hook["language"] == "system" for hook in hooks)


def test_licence_is_the_one_the_project_names() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("name", ["Makefile", "constraints.txt", ".ci/run", "Dockerfile", "docker-compose.yml", "pyproject.toml"])
def test_no_file_names_a_registry_or_a_machine(name: str) -> None:
    assert not re.search(r"index-url|pythonhosted|https?://(?!localhost|sandbox:)", (ROOT / name).read_text())


def _quiet() -> dict[str, str]:
    """The environment without what a surrounding make hands down."""
    return {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
