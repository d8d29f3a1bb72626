"""The catalogue in the back office."""

import pytest
from django.urls import reverse

from catalog.models import Plan, TermsDocument, Venture
from tests import factories


def filled(**changes):
    group = factories.ProductGroupFactory()
    return {
        "venture": factories.VentureFactory().pk,
        "product_type": group.product.product_type_id,
        "product": group.product_id,
        "product_group": group.pk,
        "name": "Cyber Protect",
        "summary": "Backup by use",
        "description": "",
        **changes,
    }


def test_a_new_plan_is_a_draft_with_a_number(personas):
    personas.client("root").post(reverse("admin:catalog_plan_add"), filled())

    plan = Plan.objects.get()
    assert plan.number.startswith("P1")
    assert (plan.status, plan.billing_model) == (Plan.Status.DRAFT, Plan.BillingModel.PAY_AS_YOU_GO)


def test_two_plans_have_two_numbers(personas):
    client = personas.client("root")

    for name in ("One", "Two"):
        client.post(reverse("admin:catalog_plan_add"), filled(name=name))

    assert len(set(Plan.objects.values_list("number", flat=True))) == 2


def test_a_plan_is_published_archived_and_published_again(personas):
    plan = factories.PlanFactory(status=Plan.Status.DRAFT)
    client = personas.client("root")
    states = []

    for name in ("publish", "archive", "publish"):
        client.post(reverse(f"admin:catalog_plan_{name}", args=[plan.pk]))
        plan.refresh_from_db()
        states.append(plan.status)

    assert states == ["published", "archived", "published"]


def test_a_move_that_does_not_fit_is_a_sentence(personas):
    plan = factories.PlanFactory(status=Plan.Status.ARCHIVED)

    page = personas.client("root").post(reverse("admin:catalog_plan_archive", args=[plan.pk]), follow=True).content.decode()

    assert "cannot become Archived" in page
    plan.refresh_from_db()
    assert plan.status == Plan.Status.ARCHIVED


def test_a_plan_of_a_service_manager_that_is_off_is_not_published(personas):
    plan = factories.PlanFactory(status=Plan.Status.DRAFT, service_manager__is_active=False)

    page = personas.client("root").post(reverse("admin:catalog_plan_publish", args=[plan.pk]), follow=True).content.decode()

    assert "is switched off" in page
    plan.refresh_from_db()
    assert plan.status == Plan.Status.DRAFT


def test_the_status_of_a_plan_is_not_a_field_of_its_form(personas):
    plan = factories.PlanFactory(status=Plan.Status.DRAFT)
    facts = {"venture": plan.venture_id, "product_group": plan.product_group_id}

    personas.client("root").post(
        reverse("admin:catalog_plan_change", args=[plan.pk]), filled(**facts, name="New name", status="published", number="P1")
    )

    before = plan.number
    plan.refresh_from_db()
    assert (plan.name, plan.status, plan.number) == ("New name", Plan.Status.DRAFT, before)


def test_what_was_published_stays_with_its_service_manager(personas):
    plan = factories.PlanFactory()
    manager = plan.service_manager

    personas.client("root").post(
        reverse("admin:catalog_plan_change", args=[plan.pk]), filled(service_manager=factories.ServiceManagerFactory().pk)
    )

    plan.refresh_from_db()
    assert (plan.name, plan.service_manager) == ("Cyber Protect", manager)


def test_a_second_plan_of_the_same_name_is_refused_beside_the_name(personas):
    plan = factories.PlanFactory(name="Cyber Protect")

    page = personas.client("root").post(reverse("admin:catalog_plan_add"), filled(product_group=plan.product_group_id))

    assert "has a plan of this name already" in page.context["form"].errors["name"][0]


def test_a_product_group_leads_to_its_rate_cards_and_to_a_new_plan(personas):
    group = factories.ProductGroupFactory()

    page = personas.client("root").get(reverse("admin:catalog_productgroup_change", args=[group.pk])).content.decode()

    assert "Acronis Rate Card" in page
    assert f"{reverse('admin:billing_ratecard_changelist')}?product_group={group.pk}" in page
    assert "Create a New Plan" in page


def test_staff_who_may_only_look_do_not_publish(personas):
    plan = factories.PlanFactory(status=Plan.Status.DRAFT)
    client = personas.client("mira")

    assert (
        reverse("admin:catalog_plan_publish", args=[plan.pk])
        not in client.get(reverse("admin:catalog_plan_change", args=[plan.pk])).content.decode()
    )
    assert client.post(reverse("admin:catalog_plan_publish", args=[plan.pk])).status_code == 403


def test_terms_somebody_accepted_are_not_rewritten(shop_with_terms):
    personas, document = shop_with_terms

    personas.client("root").post(
        reverse("admin:catalog_termsdocument_change", args=[document.pk]), {"title": "Other", "version": "9", "text": "Other"}
    )

    document.refresh_from_db()
    assert document.title == "Acronis Terms of Use"


@pytest.fixture
def shop_with_terms(personas):
    from ordering.models import Basket, TermsAcceptance

    document = factories.TermsDocumentFactory()
    basket = Basket.objects.create(owner=personas.dora, buyer=personas.direct_customer, created_at=factories.AT)
    TermsAcceptance.objects.create(basket=basket, document=document, person=personas.dora, accepted_at=factories.AT)
    return personas, TermsDocument.objects.get()


def test_an_invoice_series_is_given_once(personas):
    venture = factories.VentureFactory()

    personas.client("root").post(
        reverse("admin:catalog_venture_change", args=[venture.pk]), {"name": "Cloud and more", "invoice_series": "NEW"}
    )

    assert Venture.objects.values_list("name", "invoice_series").get() == ("Cloud and more", "INV")


def test_accounts_of_the_accounting_are_given_to_groups_and_taxes(personas):
    group, tax = factories.ProductGroupFactory(), factories.TaxFactory()
    client = personas.client("root")
    facts = {"product": group.product_id, "name": group.name, "module": group.module, "taxes": [tax.pk]}

    client.post(reverse("admin:catalog_productgroup_change", args=[group.pk]), {**facts, "ledger_code": "8400"})
    client.post(reverse("admin:catalog_tax_change", args=[tax.pk]), {"name": tax.name, "percent": "19", "ledger_code": "1776"})

    group.refresh_from_db()
    tax.refresh_from_db()
    assert (group.ledger_code, group.renewal_notice_days, tax.ledger_code) == ("8400", 14, "1776")
