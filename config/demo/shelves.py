"""
The demonstration's shelves: a plan paid by use and two of fixed price, sold by two resellers, one with its own marketplace.

Everything is made through the same operations as in the BSS. Making it again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from io import BytesIO

from PIL import Image, ImageDraw
from post_office.models import EmailTemplate

from accounts.models import Organization
from catalog.forms.module_setting import COSTLY_USAGES
from catalog.models import (
    ActionMail,
    Marketplace,
    PartnerPrice,
    Plan,
    Product,
    ProductGroup,
    ProductType,
    Tax,
    TermsDocument,
    Venture,
)
from catalog.module_rules import ItemValues, is_storage
from catalog.operations import action_mails, partner_terms
from catalog.operations.logos import keep_logo
from catalog.operations.marketplaces import save_marketplace
from catalog.operations.module_settings import NewSettings, save_module_settings
from catalog.operations.partners import set_partner_price
from catalog.operations.plans import create_plan, publish_plan, set_selling_options
from catalog.operations.prices import NewPrice, set_prices
from catalog.queries.module_setting import offering_of
from provisioning.models import ServiceManager

BY_USE = "Cyber Protect pay-as-you-go"


@dataclass(frozen=True)
class FixedShelf:
    """A plan of fixed price: its quota and overage of one unit in GB, and what it costs."""

    name: str
    storage: int
    above: int
    prices: tuple[tuple[str, int, str, str, str], ...]
    """Currency, term in months, price, setup fee, overage price per GB and month."""
    summary: str


def make_catalogue(manager: ServiceManager, at: datetime) -> list[Plan]:
    """Make what is missing of the shelves and return its plans: the one that is paid by use, then those of fixed price."""
    TermsDocument.objects.get_or_create(
        title="Acronis Terms of Use",
        version="2026-01",
        defaults={"issuer": TermsDocument.Issuer.VENDOR, "text": TERMS, "published_at": at},
    )
    TermsDocument.objects.get_or_create(
        title="Terms of Service",
        version="2026-01",
        defaults={"issuer": TermsDocument.Issuer.SELLER, "text": OWN_TERMS, "published_at": at},
    )
    venture, group = _venture(at), _group()
    by_use = Plan.objects.filter(product_group=group, name=BY_USE).first() or _plan_by_use(venture, group, manager, at)
    fixed = [
        Plan.objects.filter(product_group=group, name=shelf.name).first() or _fixed_plan(shelf, venture, group, manager, at)
        for shelf in FIXED
    ]
    return [by_use, *fixed]


def make_partners(plans: Sequence[Plan], partners: Sequence[tuple[Organization, str, str]], at: datetime) -> None:
    """
    Let each reseller sell ``plans``, at its discount and with its markup, in percent. The first has a marketplace.
    """
    for reseller, discount, markup in partners:
        partner_terms.allow_partners(
            plan_ids=[plan.pk for plan in plans],
            reseller_ids=[reseller.pk],
            discount_percent=Decimal(discount),
            makes_applicable=True,
            today=at.date(),
            at=at,
        )
        for plan in plans:
            if not PartnerPrice.objects.filter(reseller=reseller, plan=plan).exists():
                set_partner_price(
                    reseller=reseller,
                    plan=plan,
                    markup_kind=PartnerPrice.MarkupKind.PERCENT,
                    markup_percent=Decimal(markup),
                    overage_markup_percent=None,
                    discount_percent=Decimal(0),
                    is_published=True,
                    amounts={},
                    at=at,
                )
    first = partners[0][0]
    if not Marketplace.objects.filter(reseller=first).exists():
        save_marketplace(
            reseller=first,
            slug="alster",
            title="Alster IT Cloud",
            intro="Backup and security for offices around the Alster, looked after by people you can call.",
            accent="#1d4ed8",
            is_open=True,
            shows_prices=True,
            at=at,
            logo=_drawn_logo("Alster IT", "#1d4ed8"),
        )


def _venture(at: datetime) -> Venture:
    address = {"address_line1": "Hafenstraße 7", "postcode": "20457", "city": "Hamburg", "country": "DE"}
    venture, made = Venture.objects.get_or_create(name="Cloud services", defaults={"invoice_series": "NW", **address})
    if made:
        venture.logo = keep_logo(_drawn_logo("Northwind Cloud", "#0f766e"), at)
        venture.save(update_fields=["logo"])
    return venture


def _group() -> ProductGroup:
    product_type, _ = ProductType.objects.get_or_create(name="Backup and security")
    product, _ = Product.objects.get_or_create(product_type=product_type, name="Acronis Cyber Protect Cloud")
    group, made = ProductGroup.objects.get_or_create(product=product, name="Cyber Protect")
    if made:
        group.taxes.add(Tax.objects.get_or_create(name="VAT 19 %", defaults={"percent": Decimal(19)})[0])
        templates = {
            name: EmailTemplate.objects.get(name=name, language="").pk for name in ("Reminder", "Suspension", "Termination")
        }
        ladder = (("Reminder", 3), ("Reminder", 10), ("Suspension", 21), ("Termination", 60))
        mails = [action_mails.NewActionMail(ActionMail.Action(name.lower()), days, templates[name]) for name, days in ladder]
        action_mails.set_group_action_mails(product_group_id=group.pk, mails=mails)
    return group


def _plan_by_use(venture: Venture, group: ProductGroup, manager: ServiceManager, at: datetime) -> Plan:
    plan = create_plan(venture=venture, product_group=group, name=BY_USE, at=at)
    settings = NewSettings(service_manager_id=manager.pk)
    save_module_settings(plan_id=plan.pk, settings=settings, today=at.date(), at=at)
    return _published(plan, "Backup, security and file sharing. Pay for what you use, month by month.", BY_USE_WORDS, at)


def _fixed_plan(shelf: FixedShelf, venture: Venture, group: ProductGroup, manager: ServiceManager, at: datetime) -> Plan:
    plan = create_plan(venture=venture, product_group=group, name=shelf.name, at=at)
    set_selling_options(
        plan_id=plan.pk,
        billing_model=Plan.BillingModel.POSTPAID_FIXED,
        quantity_is_enabled=False,
        applicable_on_partner_website=True,
        today=at.date(),
        at=at,
    )
    editions = {"backup": "pck_per_gigabyte", "files_cloud": "fss_per_user"}
    included = [
        item
        for item in offering_of(manager).of_edition(editions)
        if item.is_offered and item.application in editions and not is_storage(item) and not item.usage.startswith(COSTLY_USAGES)
    ]
    settings = NewSettings(
        service_manager_id=manager.pk,
        storage_quota=shelf.storage,
        overage=shelf.above,
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        items=tuple((item.name, ItemValues()) for item in included),
    )
    save_module_settings(plan_id=plan.pk, settings=settings, today=at.date(), at=at)
    set_selling_options(
        plan_id=plan.pk,
        billing_model=Plan.BillingModel.POSTPAID_FIXED,
        quantity_is_enabled=True,
        applicable_on_partner_website=True,
        today=at.date(),
        at=at,
    )
    prices = [
        NewPrice(currency, term, Decimal(price), setup_fee=Decimal(setup), overage_price=Decimal(overage))
        for currency, term, price, setup, overage in shelf.prices
    ]
    set_prices(plan_id=plan.pk, prices=prices, valid_from=at.date(), today=at.date(), by=None, at=at)
    return _published(plan, shelf.summary, FIXED_WORDS, at)


def _published(plan: Plan, summary: str, description: str, at: datetime) -> Plan:
    Plan.objects.filter(pk=plan.pk).update(summary=summary, description=description)
    publish_plan(plan_id=plan.pk, today=at.date(), at=at)
    return Plan.objects.get(pk=plan.pk)


def _drawn_logo(words: str, colour: str) -> BytesIO:
    """Draw a square in ``colour`` and the words beside it."""
    length = ImageDraw.Draw(Image.new("RGBA", (1, 1))).textlength(words, font_size=42)
    picture = Image.new("RGBA", (100 + round(length), 96), (255, 255, 255, 0))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((4, 12, 76, 84), radius=14, fill=colour)
    pen.text((96, 24), words, fill=colour, font_size=42)
    file = BytesIO()
    picture.save(file, "PNG")
    return file


FIXED = (
    FixedShelf(
        name="Backup 50 GB",
        storage=50,
        above=10,
        prices=(
            ("EUR", 1, "19.90", "29.00", "0.45"),
            ("EUR", 12, "199.00", "0.00", "0.40"),
            ("EUR", 36, "540.00", "0.00", "0.35"),
            ("CHF", 1, "21.90", "29.00", "0.50"),
            ("CHF", 12, "219.00", "0.00", "0.45"),
        ),
        summary="50 GB of backup at a fixed price. Order more than one when you need more room.",
    ),
    FixedShelf(
        name="Backup Plus 250 GB",
        storage=250,
        above=50,
        prices=(
            ("EUR", 1, "79.00", "29.00", "0.40"),
            ("EUR", 12, "790.00", "0.00", "0.35"),
            ("CHF", 1, "86.00", "29.00", "0.45"),
            ("CHF", 12, "860.00", "0.00", "0.40"),
        ),
        summary="250 GB of backup at a fixed price, for when 50 GB have become too few.",
    ),
)

BY_USE_WORDS = """Backup and recovery for workstations, servers, virtual machines and Microsoft 365, anti-malware protection, \
file sync and share, electronic signatures: one service, one portal, one invoice.

You choose how Protection and File Sync & Share are metered. There is no minimum, no quota and no term: the calendar month is \
billed on the first day of the next one."""

FIXED_WORDS = """Backup and recovery for a small office, with file sync and share. You know the price before the month begins; the \
storage is limited, so nothing surprises you."""

OWN_TERMS = """We deliver the service you order, and help you on working days from 8 to 18 o'clock.

We invoice as the page of each product says; invoices are due within the days printed on them. Where one is not paid after our
reminders, the service is suspended until it is.

You cancel as your plan says. Your data stay yours; fetch them before the service ends.
"""
TERMS = """These terms cover your use of Acronis Cyber Protect Cloud.

1. The service is provided by Acronis and sold to you by your seller.
2. You are responsible for the data you store and for who has access to it.
3. Acronis processes personal data on your behalf, under the data processing agreement that is part of these terms.
4. You may stop using the service at any time. Usage up to that day is billed.
5. Data of a terminated service is deleted and cannot be brought back."""
