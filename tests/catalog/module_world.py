"""What the tests of the module setting begin with."""

from typing import Any

from catalog.models import ModuleSettings, Plan, PlanPrice
from catalog.module_rules import ItemValues
from catalog.operations.module_settings import NewSettings
from tests import factories

ON = ItemValues()
OFF = ItemValues(is_enabled=False)


def draft(acronis: Any, **facts: Any) -> Plan:
    """Return a fixed draft that nobody has set up, with one price that has no overage."""
    plan = factories.FixedPlanFactory(
        **{
            "service_manager": None,
            "status": Plan.Status.DRAFT,
            "applicable_on_partner_website": False,
            "monthly": None,
            "yearly": None,
            "module_settings": None,
            **facts,
        }
    )
    ModuleSettings.objects.create(plan=plan)
    factories.PlanPriceFactory(plan=plan, overage_price=None)
    return plan


def wanted(acronis: Any, **facts: Any) -> NewSettings:
    """Return settings that pass: 50 GB and 10 above, per gigabyte and per user, servers on."""
    said: dict[str, Any] = {
        "service_manager_id": acronis.service_manager.pk,
        "storage_quota": 50,
        "overage": 10,
        "protection_model": "per_gigabyte",
        "file_sync_model": "per_user",
        "items": (("pg_base_servers", ItemValues(True, 3, 1)),),
        **facts,
    }
    return NewSettings(**said)


def overage_price(plan: Plan) -> None:
    PlanPrice.objects.filter(plan=plan).update(overage_price="0.10")
