"""A shop with one plan, the ways into it, and a vendor that says what a test wants."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import Organization, User
from catalog.models import Plan, TermsDocument
from common import clock
from ordering.models import Basket, Order, OrderLine
from ordering.operations import baskets, orders
from ordering.operations.baskets import LineSettings
from ordering.queries import checkouts
from provisioning.models import VendorOfferingItem
from provisioning.operations import converging, logins
from tests import factories
from tests.conftest import Personas

AT = factories.AT + timedelta(hours=3)
ADDRESS = "203.0.113.7"


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """It is always the same moment, unless a test says otherwise."""
    monkeypatch.setattr(clock, "now", lambda: AT)
    return AT


@dataclass
class Shop:
    """What is sold, and short ways through the operations to where a test begins."""

    personas: Personas
    plan: Plan
    terms: TermsDocument

    def fixed_plan(self, **facts: Any) -> Plan:
        """A plan of fixed price, sold through the same service manager, which knows the item of its storage quota."""
        manager = self.plan.service_manager
        plan = factories.FixedPlanFactory(service_manager=manager, **facts)
        VendorOfferingItem.objects.get_or_create(
            service_manager=manager,
            name="pg_base_storage",
            storage=None,
            defaults={
                "application_id": uuid4(),
                "application_type": "backup",
                "usage_name": "storage",
                "edition": "pck_per_gigabyte",
                "item_type": "count",
                "measurement_unit": "bytes",
            },
        )
        return plan

    def basket(
        self,
        *,
        owner: User | None = None,
        buyer: Organization | None = None,
        plan: Plan | None = None,
        quantity: int = 1,
        term_months: int = 1,
    ) -> Basket:
        """A basket with one plan in it; dora's for her own organization unless told otherwise."""
        return baskets.add_plan(
            owner=owner or self.personas.dora,
            buyer=buyer or self.personas.direct_customer,
            plan=plan or self.plan,
            quantity=quantity,
            term_months=term_months,
            at=AT,
        )

    def configured(self, *, consumer: Organization | None = None, **facts: Any) -> Basket:
        """A basket with its product settings."""
        basket = self.basket(**facts)
        settings = {
            line.pk: LineSettings(line.quantity, "per_gigabyte", "per_user", line.term_months) for line in basket.lines.all()
        }
        baskets.configure(basket_id=basket.pk, settings=settings, consumer=consumer or basket.buyer, complete=True, at=AT)
        return basket

    def accepted(self, **facts: Any) -> Basket:
        """… whose terms are accepted."""
        basket = self.configured(**facts)
        baskets.accept_terms(basket_id=basket.pk, documents=[self.terms.pk], by=basket.owner, address=ADDRESS, at=AT)
        return basket

    def confirmed(self, **facts: Any) -> Basket:
        """… whose billing information is confirmed."""
        basket = self.accepted(**facts)
        baskets.confirm_billing_information(basket_id=basket.pk, at=AT)
        return basket

    def complete(self, *, login: str = "jane.doe", **facts: Any) -> Basket:
        """… that is ready to be ordered."""
        basket = self.confirmed(**facts)
        baskets.give_service_details(basket_id=basket.pk, login=login, email="jane@example.com")
        basket.refresh_from_db()
        return basket

    def order(self, **facts: Any) -> Order:
        """An order in progress; nobody has carried out its line yet."""
        basket = self.complete(**facts)
        seen = checkouts.summary(basket, at=AT).prices_seen
        return orders.submit_order(basket_id=basket.pk, by=basket.owner, address=ADDRESS, at=AT, prices_seen=seen)

    def line(self, **facts: Any) -> OrderLine:
        """The line of an order in progress."""
        return self.order(**facts).lines.get()

    def sells_through(self, reseller: Organization) -> None:
        """Let ``reseller`` sell the plan at 20 % off, and its customers buy it at 30 % on top."""
        factories.PartnerTermsFactory(reseller=reseller, plan=self.plan)
        factories.PartnerPriceFactory(reseller=reseller, plan=self.plan)


@pytest.fixture
def shop(personas: Personas) -> Shop:
    made = Shop(personas=personas, plan=factories.PlanFactory(), terms=factories.TermsDocumentFactory())
    made.sells_through(personas.reseller)
    return made


@pytest.fixture
def dora(shop: Shop) -> Client:
    """The browser of a direct customer's administrator."""
    return shop.personas.client("dora")


@pytest.fixture
def alice(shop: Shop) -> Client:
    """The browser of a reseller's administrator."""
    return shop.personas.client("alice")


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the lines that are rung; nobody answers."""
    rung: list[int] = []
    for module in ("ordering.operations.orders", "ordering.operations.execution"):
        monkeypatch.setattr(f"{module}.after_commit", lambda name, **kwargs: rung.append(kwargs["line_id"]))
    return rung


@pytest.fixture
def every_login_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "check_login", lambda *, service_manager, login, **_: logins.validate_login(login))


@pytest.fixture
def vendor_answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Let converging end in turn as told: an exception is raised, None is agreement. Return the list of tenants converged."""

    def answers(*ends: Exception | None) -> list[int]:
        left, converged = list(ends), []

        def converge(tenant_id: int, *, clock: Callable[[], datetime]) -> None:
            converged.append(tenant_id)
            if left and (end := left.pop(0)) is not None:
                raise end

        monkeypatch.setattr(converging, "converge", converge)
        return converged

    return answers
