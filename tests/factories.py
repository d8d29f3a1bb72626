"""The smallest valid thing of each kind."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import factory
from factory.django import DjangoModelFactory

from accounts.models import Membership, Organization, User
from billing.models import Subscription
from billing.models.agreements import phase_of
from catalog.models import (
    ModuleSettings,
    PartnerPrice,
    PartnerTerms,
    Plan,
    PlanPrice,
    Product,
    ProductGroup,
    ProductType,
    Tax,
    TermsDocument,
    Venture,
)
from provisioning.models import FileSyncModel, ProtectionModel, Service, ServiceManager, Tenant, TenantUser

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    first_name = "Pat"
    last_name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.django.Password("correct horse battery")


class OrganizationFactory(DjangoModelFactory[Organization]):
    """A direct customer unless told otherwise; its MSP is made once."""

    class Meta:
        model = Organization

    kind = Organization.Kind.CUSTOMER
    parent = factory.LazyFunction(lambda: msp())
    number = factory.Sequence(lambda n: f"C{5000 + n}")
    name = factory.Sequence(lambda n: f"Customer {n} GmbH")
    billing_email = factory.Sequence(lambda n: f"billing{n}@example.com")
    address_line1 = "Hauptstraße 1"
    postcode = "10115"
    city = "Berlin"
    created_at = AT


class ResellerFactory(OrganizationFactory):
    kind = Organization.Kind.RESELLER
    number = factory.Sequence(lambda n: f"R{5000 + n}")
    name = factory.Sequence(lambda n: f"Reseller {n} GmbH")


def msp() -> Organization:
    """Return the one MSP, made when first asked for."""
    found = Organization.objects.filter(kind=Organization.Kind.MSP).first()
    return found or Organization.objects.create(
        kind=Organization.Kind.MSP,
        number="M1",
        name="Northwind Cloud GmbH",
        billing_email="till@northwind.example",
        address_line1="Hafenstraße 7",
        postcode="20457",
        city="Hamburg",
        tax_id="DE129273398",
        payment_details="IBAN DE02 1203 0000 0000 2020 51, BIC BYLADEM1001",
        created_at=AT,
    )


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    organization = factory.SubFactory(OrganizationFactory)
    role = Membership.Role.ADMINISTRATOR


class ServiceManagerFactory(DjangoModelFactory[ServiceManager]):
    class Meta:
        model = ServiceManager

    name = factory.Sequence(lambda n: f"Acronis {n}")
    base_url = "http://acronis.test"
    client_id = "client"
    client_secret = "secret"
    root_tenant_id = factory.LazyFunction(uuid4)


class ProductTypeFactory(DjangoModelFactory[ProductType]):
    class Meta:
        model = ProductType
        django_get_or_create = ("name",)

    name = "Backup"


class ProductFactory(DjangoModelFactory[Product]):
    class Meta:
        model = Product
        django_get_or_create = ("product_type", "name")

    product_type = factory.SubFactory(ProductTypeFactory)
    name = "Acronis Cyber Protect Cloud"


class TaxFactory(DjangoModelFactory[Tax]):
    class Meta:
        model = Tax
        django_get_or_create = ("name",)

    name = "VAT 19 %"
    percent = Decimal(19)


class ProductGroupFactory(DjangoModelFactory[ProductGroup]):
    class Meta:
        model = ProductGroup
        django_get_or_create = ("product", "name")
        skip_postgeneration_save = True

    product = factory.SubFactory(ProductFactory)
    name = "Cyber Protect"

    @factory.post_generation
    def taxes(self, create: bool, extracted: list[Tax] | None, **_: object) -> None:
        self.taxes.set([TaxFactory()] if extracted is None else extracted)


class VentureFactory(DjangoModelFactory[Venture]):
    class Meta:
        model = Venture
        django_get_or_create = ("name",)

    name = "Cloud"
    invoice_series = "INV"


class PlanFactory(DjangoModelFactory[Plan]):
    """A published pay-as-you-go plan that partners may sell."""

    class Meta:
        model = Plan
        skip_postgeneration_save = True

    number = factory.Sequence(lambda n: f"P{5000 + n}")
    venture = factory.SubFactory(VentureFactory)
    product_group = factory.SubFactory(ProductGroupFactory)
    service_manager = factory.SubFactory(ServiceManagerFactory)
    name = factory.Sequence(lambda n: f"Cyber Protect pay-as-you-go {n}")
    status = Plan.Status.PUBLISHED
    applicable_on_partner_website = True

    module_settings = factory.RelatedFactory("tests.factories.ModuleSettingsFactory", factory_related_name="plan")


class ModuleSettingsFactory(DjangoModelFactory[ModuleSettings]):
    """Of a pay-as-you-go plan: no quotas, no edition."""

    class Meta:
        model = ModuleSettings

    plan = factory.SubFactory(PlanFactory, module_settings=None)


class FixedPlanFactory(PlanFactory):
    """A published fixed postpaid plan, 50 GB and 10 above: 20 EUR a month, 200 EUR a year, 10 EUR once, 0.10 EUR per GB above."""

    name = factory.Sequence(lambda n: f"Backup 50 GB {n}")
    billing_model = Plan.BillingModel.POSTPAID_FIXED
    quantity_is_enabled = True
    module_settings = factory.RelatedFactory(
        ModuleSettingsFactory,
        factory_related_name="plan",
        storage_quota=50,
        overage=10,
        protection_model=ProtectionModel.PER_GIGABYTE,
        file_sync_model=FileSyncModel.PER_USER,
    )
    monthly = factory.RelatedFactory("tests.factories.PlanPriceFactory", factory_related_name="plan")
    yearly = factory.RelatedFactory(
        "tests.factories.PlanPriceFactory", factory_related_name="plan", term_months=12, price=Decimal(200)
    )


class PlanPriceFactory(DjangoModelFactory[PlanPrice]):
    class Meta:
        model = PlanPrice

    plan = factory.SubFactory(FixedPlanFactory, monthly=None, yearly=None)
    currency = "EUR"
    term_months = 1
    setup_fee = Decimal(10)
    price = Decimal(20)
    overage_price = Decimal("0.10")
    valid_from = date(2026, 1, 1)
    created_at = AT


class PartnerTermsFactory(DjangoModelFactory[PartnerTerms]):
    class Meta:
        model = PartnerTerms

    reseller = factory.SubFactory(ResellerFactory)
    plan = factory.SubFactory(PlanFactory)
    discount_percent = Decimal(20)


class PartnerPriceFactory(DjangoModelFactory[PartnerPrice]):
    class Meta:
        model = PartnerPrice

    reseller = factory.SubFactory(ResellerFactory)
    plan = factory.SubFactory(PlanFactory)
    markup_percent = Decimal(30)


class TermsDocumentFactory(DjangoModelFactory[TermsDocument]):
    class Meta:
        model = TermsDocument
        django_get_or_create = ("title", "version")

    title = "Acronis Terms of Use"
    version = "2026-01"
    text = "You use the service as agreed."
    published_at = AT


class TenantFactory(DjangoModelFactory[Tenant]):
    class Meta:
        model = Tenant

    organization = factory.SubFactory(OrganizationFactory)
    service_manager = factory.SubFactory(ServiceManagerFactory)
    kind = Tenant.Kind.CUSTOMER
    key = factory.LazyAttribute(lambda tenant: f"ct-{tenant.organization.number}-{tenant.service_manager.pk}")
    vendor_id = factory.LazyFunction(uuid4)
    wished_at = AT


class TenantUserFactory(DjangoModelFactory[TenantUser]):
    class Meta:
        model = TenantUser

    tenant = factory.SubFactory(TenantFactory)
    service_manager = factory.SelfAttribute("tenant.service_manager")
    login = factory.Sequence(lambda n: f"jane.doe{n}")
    email = "jane@example.com"
    role = TenantUser.Role.COMPANY_ADMINISTRATOR


class ServiceFactory(DjangoModelFactory[Service]):
    class Meta:
        model = Service

    tenant = factory.SubFactory(TenantFactory)
    organization = factory.SelfAttribute("tenant.organization")
    service_manager = factory.SelfAttribute("tenant.service_manager")
    protection_model = ProtectionModel.PER_GIGABYTE
    file_sync_model = FileSyncModel.PER_USER
    wished_at = AT


class SubscriptionFactory(DjangoModelFactory[Subscription]):
    class Meta:
        model = Subscription
        skip_postgeneration_save = True  # the phase is a row of its own

    number = factory.Sequence(lambda n: f"S{5000 + n}")
    service = factory.SubFactory(ServiceFactory)
    consumer = factory.SelfAttribute("service.organization")
    plan = factory.SubFactory(PlanFactory, service_manager=factory.SelfAttribute("..service.service_manager"))
    plan_name = factory.SelfAttribute("plan.name")
    billing_model = "pay_as_you_go"
    started_on = date(2026, 10, 1)
    order_number = "O5000"
    created_at = AT

    @factory.post_generation
    def first_phase(subscription, create: bool, extracted: object, **facts: Any) -> None:  # noqa: N805
        """Begin its first phase, as `start_subscription` does; ``first_phase__quota_gib=50`` gives it a quota."""
        if create:
            phase_of(subscription, **facts).save()
