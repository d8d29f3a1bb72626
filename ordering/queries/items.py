"""Basket lines with what decides whether they can be ordered, what they include and what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, prefetch_related_objects

from accounts.models import Organization, local_date
from catalog.models import ModuleItem, ModuleSettings, Plan, is_on_sale
from catalog.pricing import Amounts
from catalog.provisioned import in_vendor_unit, is_backup_storage, storage_limit
from catalog.queries.offers import Offer, offers
from ordering.costs import Cost, End, as_told, due_in_advance
from ordering.models import Basket, BasketLine, OrderLine, largest_quantity
from ordering.module_wishes import Included, in_order, included_item
from ordering.wording import billing, cost_facts, metering
from provisioning.models import FileSyncModel, ProtectionModel, Service, TenantUser, VendorOfferingItem
from provisioning.planning.values import Limit


@dataclass(frozen=True)
class Item:
    """A basket line with what decides whether it can be ordered."""

    line: BasketLine
    is_for_sale: bool
    is_served: bool
    """The consumer has a live service at this service manager, or an order for one that is not given up."""
    needs_user: bool
    """The consumer has no user at this service manager yet, so the vendor needs login and e-mail."""
    offers: Sequence[Offer] = ()
    """The terms that are sold to the buyer, the shortest first; none where it is priced by use."""
    retail: Mapping[int, End] = field(default_factory=dict)
    """By term, what the chosen customer of a reseller pays for the line; empty for every other buyer."""
    awaits_retail: bool = False
    """A customer of a reseller is chosen, so that it must have a price in its own currency."""

    @property
    def plan(self) -> Plan:
        return self.line.plan

    @property
    def settings(self) -> ModuleSettings | None:
        return getattr(self.plan, "module_settings", None)

    @property
    def protection_model(self) -> str:
        """As its buyer chose; of a fixed plan as the plan's edition says."""
        return self._settled("protection_model")

    @property
    def file_sync_model(self) -> str:
        return self._settled("file_sync_model")

    @property
    def protection_model_label(self) -> str:
        return str(dict(ProtectionModel.choices).get(self.protection_model, ""))

    @property
    def file_sync_model_label(self) -> str:
        return str(dict(FileSyncModel.choices).get(self.file_sync_model, ""))

    @property
    def offer(self) -> Offer | None:
        """The term that is chosen, as it is sold now."""
        return next((offer for offer in self.offers if offer.term_months == self.line.term_months), None)

    @property
    def cost(self) -> Cost | None:
        """What the line costs its buyer, and what a reseller's customer pays; None where it is priced by use."""
        if self.offer is None:
            return None
        own = End(self.offer.currency, self.offer.amounts, self.line.quantity, self.offer.term_months)
        return Cost(own, self.retail.get(self.offer.term_months))

    @property
    def due_now(self) -> Decimal:
        """What is paid before it begins, excl. VAT."""
        is_trial = self.settings is not None and self.settings.is_free_trial
        trial_days = self.settings.trial_days if self.settings is not None and is_trial else None
        return due_in_advance(self.cost, billing_model=self.plan.billing_model, trial_days=trial_days)

    @property
    def cost_facts(self) -> list[tuple[str, str]]:
        return [] if self.cost is None else cost_facts(self.cost)

    @property
    def largest_quantity(self) -> int:
        return largest_quantity(self.plan)

    @property
    def is_out_of_date(self) -> bool:
        """It costs something else than its buyer was last told, or is not sold for this term or in this quantity any more."""
        if not self.offers:  # priced by use; a fixed plan without any price is not for sale
            return False
        told = None if self.offer is None else as_told(self.offer.currency, self.offer.amounts)
        return told != self.line.told_price or self.line.quantity > self.largest_quantity

    @property
    def is_without_retail(self) -> bool:
        """The chosen customer of a reseller has no price: none in its currency, or no markup for it."""
        return self.awaits_retail and self.offer is not None and self.offer.term_months not in self.retail

    @property
    def is_configured(self) -> bool:
        if not (self.protection_model and self.file_sync_model and self.line.quantity <= self.largest_quantity):
            return False
        return not self.plan.is_fixed or (self.offer is not None and not self.is_without_retail)

    @property
    def metering(self) -> list[str]:
        if self.plan.is_fixed:
            return []
        return metering(self.plan, protection=self.line.protection_model, file_sync=self.line.file_sync_model)

    @property
    def contents(self) -> list[Any]:
        """
        What a module setting gives for the price, one unit, as plain JSON: trial, quotas, editions, location. Empty without one.

        Reads the setting's items, where `with_included` has not done so before.
        """
        settings = self.settings
        if settings is None:
            return []
        items = [[one.name, one.soft_quota, one.overage] for one in settings.items.all() if one.is_enabled]
        return [
            settings.trial_days if settings.is_free_trial else None,
            settings.storage_quota,
            settings.overage,
            settings.protection_model,
            settings.file_sync_model,
            settings.backup_storage_id,
            sorted(items),
        ]

    @property
    def billing(self) -> list[str]:
        """Say when it is billed."""
        trial_days = self.settings.trial_days if self.settings is not None and self.settings.is_free_trial else None
        return billing(self.plan.billing_model, term_months=self.line.term_months, trial_days=trial_days)

    def _settled(self, name: str) -> str:
        return str(getattr(self.settings if self.plan.is_fixed else self.line, name, ""))


def with_included(items: Sequence[Item]) -> list[tuple[Item, list[Included]]]:
    """
    Return each item with the quotas of all its units, by the module setting as it is now: two queries, however many items.

    What is metered has no quotas.
    """
    fixed = [item.settings for item in items if item.plan.is_fixed and item.settings is not None]
    prefetch_related_objects(fixed, Prefetch("items", ModuleItem.objects.filter(is_enabled=True)))
    names = {said.name for settings in fixed for said in settings.items.all()}
    managers = {item.plan.sold_through_id for item in items}
    mirrored = (
        {
            (row.service_manager_id, row.name): row
            for row in VendorOfferingItem.objects.filter(service_manager__in=managers, name__in=names)
        }
        if names
        else {}
    )
    return [(item, _included(item, mirrored)) for item in items]


def items_of(basket: Basket, at: datetime) -> list[Item]:
    """Return the lines of ``basket``, whose buyer and consumer are loaded; how much is read says `checkouts.summary`."""
    manager = OuterRef("plan__service_manager")
    live = Service.objects.live().filter(organization=basket.consumer_id, service_manager=manager)
    ordered = OrderLine.objects.unfinished().filter(
        kind=OrderLine.Kind.NEW, order__consumer=basket.consumer_id, plan__service_manager=manager
    )
    users = TenantUser.objects.live().filter(tenant__organization=basket.consumer_id, service_manager=manager)
    lines: QuerySet[Any] = basket.lines.select_related("plan__service_manager", "plan__module_settings").annotate(
        has_service=Exists(live), has_order=Exists(ordered), has_user=Exists(users)
    )
    buyer, on = basket.buyer, local_date(at, basket.buyer)
    is_direct = buyer.kind == Organization.Kind.CUSTOMER and buyer.reseller is None
    if not is_direct:  # to whom every plan is sold that is on sale at all, as its row and its prices say
        lines = lines.annotate(is_for_sale=Exists(Plan.objects.for_sale_to(buyer, on=on).filter(pk=OuterRef("plan"))))
    found = list(lines)
    sold = offers([line.plan for line in found], buyer, on=on)
    consumers = _retail_offers(basket, found, sold, at)
    return [
        Item(
            line,
            is_for_sale=is_on_sale(line.plan, has_price=line.plan_id in sold) if is_direct else line.is_for_sale,
            is_served=line.has_service or line.has_order,
            needs_user=not line.has_user,
            offers=sold.get(line.plan_id, ()),
            retail={term: End(currency, unit, line.quantity, term) for term, currency, unit in consumers.get(line.plan_id, ())},
            awaits_retail=basket.buyer.kind == Organization.Kind.RESELLER and basket.consumer is not None,
        )
        for line in found
    ]


def _retail_offers(
    basket: Basket, lines: Sequence[BasketLine], sold: Mapping[int, Sequence[Offer]], at: datetime
) -> dict[int, list[tuple[int, str, Amounts]]]:
    """
    Return by plan the term, currency and amounts that a reseller's customer pays; nothing for buyers that are no resellers.

    Until a customer is chosen, and for one with the reseller's own currency, they come with what the reseller itself is offered.
    """
    buyer, consumer = basket.buyer, basket.consumer
    if buyer.kind != Organization.Kind.RESELLER:
        return {}
    if consumer is None or consumer.currency == buyer.currency:
        return {
            plan: [(offer.term_months, offer.currency, offer.retail) for offer in found if offer.retail is not None]
            for plan, found in sold.items()
        }
    if consumer.parent_id == buyer.pk:
        consumer.parent = buyer  # known already
    theirs = offers([line.plan for line in lines], consumer, on=local_date(at, buyer))
    return {plan: [(offer.term_months, offer.currency, offer.amounts) for offer in found] for plan, found in theirs.items()}


def _included(item: Item, mirrored: Mapping[tuple[int, str], VendorOfferingItem]) -> list[Included]:
    if not item.plan.is_fixed or item.settings is None:
        return []
    quantity = item.line.quantity
    said = [included_item("storage", storage_limit(item.settings).times(quantity), unit="bytes", application="backup")]
    for one in item.settings.items.all():
        row = mirrored.get((item.plan.sold_through_id, one.name))
        if row is not None and not is_backup_storage(row):  # that one is the Storage Quota, said already
            limit = Limit(in_vendor_unit(one.soft_quota, row.measurement_unit), in_vendor_unit(one.overage, row.measurement_unit))
            said.append(included_item(one.name, limit.times(quantity), unit=row.measurement_unit, application=row.application_type))
    return in_order(said)
