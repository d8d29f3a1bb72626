"""Claims about the house as a whole."""

import re
from pathlib import Path

import pytest
from celery import current_app

from config.celery import app
from config.roles import ROLES, ensure_roles
from tests import factories

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("accounts", "billing", "catalog", "common", "config", "ordering", "provisioning", "reconciliation", "sandbox")


@pytest.mark.django_db
def test_the_smallest_subscription_stands_on_every_floor(personas):
    subscription = factories.SubscriptionFactory(service__tenant__organization=personas.direct_customer)

    assert subscription.consumer == personas.direct_customer
    assert subscription.plan.service_manager == subscription.service.service_manager


def test_every_line_of_the_timetable_rings_a_task_that_is_there():
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(current_app.tasks)


def test_every_message_by_name_finds_its_task():
    names = {name for path in sources() for name in re.findall(r'after_commit\(\s*"([a-z_.]+)"', path.read_text())}

    assert names
    assert names <= set(current_app.tasks)


def test_every_task_goes_to_a_queue_on_purpose():
    ours = {name for name in current_app.tasks if name.split(".")[0] in ROOMS}

    assert ours
    assert all(any(re.fullmatch(route.replace("*", ".*"), name) for route in app.conf.task_routes) for name in ours)


@pytest.mark.django_db
def test_each_role_gets_its_permissions_and_setting_up_again_changes_nothing():
    from django.contrib.auth.models import Group

    ensure_roles()
    first = {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}
    ensure_roles()

    assert set(first) == set(ROLES)
    assert "execute_order" in first["Account managers"]
    assert "issue_invoice" in first["Billing managers"]
    assert "issue_invoice" not in first["Account managers"] | first["Product managers"]
    assert first == {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}


def test_every_room_says_what_it_is_for():
    assert [room for room in ROOMS if not (ROOT / room / "README.md").exists()] == []


def test_money_never_passes_through_a_float():
    """Seconds of clocks and waits, lengths on paper and the brightness of colours are all that is ever a float."""
    allowed = {f"provisioning/acronis/{name}.py" for name in ("connection", "errors", "auth")}
    allowed |= {"common/clock.py", "billing/documents/fonts.py", "catalog/colours.py"}
    paths = {str(path.relative_to(ROOT)): path for path in sources() if not path.is_relative_to(ROOT / "sandbox")}
    found = {name for name, path in paths.items() if not name.startswith("config/") and "float(" in path.read_text()}

    assert found <= allowed


def sources() -> list[Path]:
    return [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]
