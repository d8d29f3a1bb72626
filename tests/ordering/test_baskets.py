"""From the first product to the last step: what is kept and what is refused."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Organization
from catalog.models import Plan, TermsDocument
from common.errors import DomainError, FieldRefused
from ordering.models import Basket, TermsAcceptance
from ordering.operations import baskets, refusals
from ordering.operations.baskets import LineSettings
from ordering.queries import checkouts
from ordering.queries.checkouts import Step
from provisioning.operations import logins
from tests import factories
from tests.ordering.conftest import ADDRESS, AT

pytestmark = pytest.mark.django_db


def configure(basket, *, quantity=1, protection="per_gigabyte", file_sync="per_user", consumer=None, complete=True):
    settings = {basket.lines.get().pk: LineSettings(quantity, protection, file_sync)}
    baskets.configure(basket_id=basket.pk, settings=settings, consumer=consumer or basket.buyer, complete=complete, at=AT)


def test_the_same_plan_twice_lies_in_the_basket_once(shop):
    first = shop.basket()
    second = shop.basket()

    assert first == second
    assert first.lines.count() == 1
    assert first.consumer == shop.personas.direct_customer


def test_a_reseller_has_not_chosen_its_customer_yet(shop):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    assert basket.consumer is None


def test_the_database_refuses_a_second_open_basket(shop):
    first = shop.basket()

    with pytest.raises(IntegrityError, match="basket_one_open"), transaction.atomic():
        Basket.objects.create(owner=first.owner, buyer=first.buyer, created_at=AT)


@pytest.mark.parametrize("quantity", [0, 2, 100])
def test_a_quantity_other_than_one_is_refused(shop, quantity):
    with pytest.raises(FieldRefused, match="ordered with quantity 1") as refused:
        baskets.add_plan(owner=shop.personas.dora, buyer=shop.personas.direct_customer, plan=shop.plan, quantity=quantity, at=AT)

    assert refused.value.field == "quantity"
    assert not Basket.objects.exists()


def test_a_plan_that_is_not_for_sale_is_refused(shop):
    draft = factories.PlanFactory(status=Plan.Status.DRAFT)

    with pytest.raises(refusals.NotForSale, match="not sold any more"):
        shop.basket(plan=draft)


def test_a_reseller_cannot_order_what_it_may_not_sell(shop):
    with pytest.raises(refusals.NotForSale):
        shop.basket(owner=shop.personas.bob, buyer=shop.personas.other_reseller)


def test_the_msp_orders_in_the_bss(shop):
    with pytest.raises(refusals.NotForSale, match="in the BSS"):
        shop.basket(owner=shop.personas.root, buyer=shop.personas.msp)


def test_a_second_plan_of_the_same_service_manager_is_refused(shop):
    basket = shop.basket()
    other = factories.PlanFactory(service_manager=shop.plan.service_manager)

    with pytest.raises(refusals.SecondSubscription, match="Only one Acronis subscription is allowed per service manager"):
        shop.basket(plan=other)

    assert [line.plan for line in basket.lines.all()] == [shop.plan]


def test_a_plan_of_another_service_manager_is_welcome(shop):
    shop.basket()
    basket = shop.basket(plan=factories.PlanFactory())

    assert basket.lines.count() == 2


def test_a_customer_that_is_served_cannot_put_a_second_into_its_basket(shop):
    tenant = factories.TenantFactory(organization=shop.personas.direct_customer, service_manager=shop.plan.service_manager)
    factories.ServiceFactory(tenant=tenant)

    with pytest.raises(refusals.SecondSubscription, match="Dora Design has one already"):
        shop.basket()


def test_settings_are_kept(shop):
    basket = shop.basket()

    configure(basket, protection="per_workload", file_sync="per_workload")

    line = basket.lines.get()
    assert (line.protection_model, line.file_sync_model) == ("per_workload", "per_workload")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"quantity": 3}, "quantity"),
        ({"protection": ""}, "protection_model"),
        ({"protection": "per_moon"}, "protection_model"),
        ({"file_sync": ""}, "file_sync_model"),
    ],
)
def test_wrong_settings_name_their_line_and_field(shop, settings, field):
    basket = shop.basket()

    with pytest.raises(FieldRefused) as refused:
        configure(basket, **settings)

    assert refused.value.field == f"{basket.lines.get().pk}-{field}"


def test_incomplete_settings_are_kept_while_the_reader_is_elsewhere(shop):
    basket = shop.basket()

    configure(basket, protection="per_workload", file_sync="", complete=False)

    assert basket.lines.get().protection_model == "per_workload"


def test_a_reseller_orders_for_its_own_customer(shop):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    configure(basket, consumer=shop.personas.resellers_customer)

    basket.refresh_from_db()
    assert basket.consumer == shop.personas.resellers_customer


def test_a_reseller_cannot_order_for_itself_or_for_somebody_elses_customer(shop):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    for consumer in (shop.personas.reseller, shop.personas.direct_customer, shop.personas.other_reseller):
        with pytest.raises(baskets.NotYourCustomer):
            configure(basket, consumer=consumer)


def test_a_customer_orders_only_for_itself(shop):
    basket = shop.basket()

    with pytest.raises(baskets.NotYourCustomer):
        configure(basket, consumer=shop.personas.resellers_customer)


def test_a_consumer_that_is_served_is_refused(shop):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)
    tenant = factories.TenantFactory(organization=shop.personas.resellers_customer, service_manager=shop.plan.service_manager)
    factories.ServiceFactory(tenant=tenant)

    with pytest.raises(refusals.SecondSubscription) as refused:
        configure(basket, consumer=shop.personas.resellers_customer)

    assert refused.value.field == "consumer"


def test_another_consumer_gets_service_details_of_its_own(shop):
    p = shop.personas
    basket = shop.complete(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    other = factories.OrganizationFactory(parent=p.reseller)

    configure(basket, consumer=other)

    basket.refresh_from_db()
    assert (basket.login, basket.email) == ("", "")


def add_customer(basket, **facts):
    return baskets.add_customer(
        basket_id=basket.pk,
        at=AT,
        **{"name": "Elbe Optik", "billing_email": "elbe@example.com", "city": "Hamburg", "country": "DE", **facts},
    )


def test_a_new_customer_stands_under_the_reseller_and_is_chosen(shop):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    customer = add_customer(basket)

    basket.refresh_from_db()
    assert basket.consumer == customer
    assert (customer.parent, customer.kind, customer.city) == (shop.personas.reseller, "customer", "Hamburg")


def test_a_new_customer_sent_twice_is_added_once(shop):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    first = add_customer(basket)
    second = add_customer(basket, name="ELBE optik")

    assert first == second
    assert Organization.objects.filter(name="Elbe Optik").count() == 1


def test_a_second_customer_of_the_same_name_is_refused(shop):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)
    add_customer(basket)

    with pytest.raises(FieldRefused, match="named Elbe Optik already") as refused:
        add_customer(basket, billing_email="other@example.com")

    assert refused.value.field == "name"


def test_a_customer_adds_no_customers(shop):
    with pytest.raises(baskets.NotYourCustomer):
        add_customer(shop.basket())


def test_acceptance_keeps_version_person_time_and_address(shop):
    basket = shop.accepted()

    acceptance = TermsAcceptance.objects.get(basket=basket)
    assert acceptance.document == shop.terms
    assert acceptance.person == shop.personas.dora
    assert acceptance.accepted_at == AT
    assert acceptance.address == ADDRESS


def test_accepting_twice_keeps_the_first_acceptance(shop):
    basket = shop.accepted()

    baskets.accept_terms(basket_id=basket.pk, documents=[shop.terms.pk], by=shop.personas.dora, address="198.51.100.1", at=AT)

    assert TermsAcceptance.objects.get(basket=basket).address == ADDRESS


def test_every_newest_document_must_be_ticked(shop):
    newer = factories.TermsDocumentFactory(version="2026-09", published_at=AT)
    other = factories.TermsDocumentFactory(title="Data processing agreement")
    factories.TermsDocumentFactory(title="Future terms", published_at=AT.replace(year=2027))
    basket = shop.configured()

    with pytest.raises(FieldRefused, match="Accept the Data processing agreement") as refused:
        baskets.accept_terms(basket_id=basket.pk, documents=[newer.pk, shop.terms.pk], by=basket.owner, address=None, at=AT)

    assert refused.value.field == f"document-{other.pk}"
    assert not TermsAcceptance.objects.exists()


def test_without_published_terms_nothing_can_be_ordered(shop):
    TermsDocument.objects.update(retired_at=AT)
    basket = shop.configured()

    with pytest.raises(DomainError, match="not published yet"):
        baskets.accept_terms(basket_id=basket.pk, documents=[], by=basket.owner, address=None, at=AT)


def test_a_newer_version_of_the_terms_must_be_accepted_too(shop):
    basket = shop.complete()
    assert checkouts.checkout(basket, at=AT).missing is Step.REVIEW

    factories.TermsDocumentFactory(version="2026-10", published_at=AT)

    assert checkouts.checkout(basket, at=AT).missing is Step.TERMS


@pytest.mark.parametrize("field", ["address_line1", "city", "postcode", "billing_email"])
def test_incomplete_billing_information_is_refused(shop, field):
    basket = shop.accepted()
    Organization.objects.filter(pk=basket.buyer_id).update(**{field: " "})

    with pytest.raises(DomainError, match="not complete"):
        baskets.confirm_billing_information(basket_id=basket.pk, at=AT)


def test_hong_kong_has_no_postcodes(shop):
    customer = shop.personas.direct_customer
    customer.country, customer.postcode = "HK", ""

    assert checkouts.missing_billing_fields(customer) == []


@pytest.mark.parametrize("login", ["", "ab", "jane doe", "jané", "a" * 201])
def test_a_malformed_login_is_refused(shop, login):
    basket = shop.confirmed()

    with pytest.raises(FieldRefused) as refused:
        baskets.give_service_details(basket_id=basket.pk, login=login, email="jane@example.com")

    assert refused.value.field == "login"


@pytest.mark.parametrize("email", ["", "jane", "jane@", "jane@example", "@example.com", "jane doe@example.com"])
def test_a_malformed_email_is_refused(shop, email):
    basket = shop.confirmed()

    with pytest.raises(FieldRefused, match="Enter an e-mail address like") as refused:
        baskets.give_service_details(basket_id=basket.pk, login="jane.doe", email=email)

    assert refused.value.field == "email"


def test_a_login_that_one_of_our_users_has_is_refused(shop):
    tenant = factories.TenantFactory(service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant, login="Jane.Doe")
    basket = shop.confirmed()

    with pytest.raises(FieldRefused, match=r"jane\.doe is taken"):
        baskets.give_service_details(basket_id=basket.pk, login="jane.doe", email="jane@example.com")


def test_a_login_that_an_order_is_waiting_with_is_refused(shop, no_worker):
    shop.order()
    p = shop.personas
    basket = shop.confirmed(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    with pytest.raises(FieldRefused, match="is taken"):
        baskets.give_service_details(basket_id=basket.pk, login="JANE.doe", email="jane@example.com")


def test_a_vendor_that_does_not_answer_does_not_stop_the_buyer(shop, monkeypatch):
    def silent(*, service_manager, login):
        raise logins.CannotCheck("Acronis could not tell.")

    monkeypatch.setattr(logins, "check_login", silent)

    assert baskets.check_login(service_managers=[shop.plan.service_manager], login="jane.doe") == ["Acronis could not tell."]


def test_a_withdrawn_plan_is_taken_out_with_a_sentence(shop):
    basket = shop.basket()
    shop.basket(plan=factories.PlanFactory())
    Plan.objects.filter(pk=shop.plan.pk).update(status=Plan.Status.ARCHIVED)

    sentences = baskets.remove_withdrawn_plans(basket_id=basket.pk, at=AT)

    assert sentences == [f"{shop.plan} is not sold any more. We took it out of your basket."]
    assert basket.lines.count() == 1
    assert baskets.remove_withdrawn_plans(basket_id=basket.pk, at=AT) == []


def test_service_details_are_a_step_only_for_a_consumer_without_a_user(shop):
    basket = shop.confirmed()
    assert checkouts.checkout(basket, at=AT).steps == [Step.TERMS, Step.BILLING, Step.SERVICE_DETAILS, Step.REVIEW]

    tenant = factories.TenantFactory(organization=basket.buyer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)

    state = checkouts.checkout(basket, at=AT)
    assert state.steps == [Step.TERMS, Step.BILLING, Step.REVIEW]


def test_the_first_invoice_comes_on_the_first_of_next_month(shop):
    summary = checkouts.summary(shop.basket(), at=AT)

    assert (summary.first_invoice_on.isoformat(), summary.usage_until.isoformat()) == ("2026-11-01", "2026-10-31")


def test_a_basket_that_was_ordered_is_never_edited(shop, no_worker):
    order = shop.order()

    with pytest.raises(baskets.BasketClosed):
        baskets.remove_plan(basket_id=order.basket_id, plan_number=shop.plan.number)
