"""The pages that create an order for somebody: finding the customer, the price while choosing, drafts, another price."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import Organization
from ordering.models import Order, OrderLine
from tests import factories

pytestmark = pytest.mark.usefixtures("no_worker")
CREATE = "admin:ordering_order_create"


@pytest.fixture
def plan(shop):
    return shop.fixed_plan(name="Backup 50 GB")


@pytest.fixture
def mira(shop):
    return shop.personas.client("mira")


def page_of(order, what="change"):
    return reverse(f"admin:ordering_order_{what}", args=[order.pk])


def filled(shop, plan, /, **changes):
    customer = changes.pop("customer", shop.personas.direct_customer)
    form = {"key": str(uuid4()), "consumer": customer.pk, "plan": plan.pk, "term_months": "1", "quantity": "1", "do": "draft"}
    return {**form, **changes}


def place(client, order, page=None):
    """Press “Place order” on the page of a draft as it is now, or as it was."""
    sent_along = (page or client.get(page_of(order))).context["sent_along"]
    return client.post(page_of(order, "place"), sent_along, follow=True)


def without(shop, codename):
    """Take a right from mira."""
    group = shop.personas.mira.groups.get()
    group.permissions.remove(Permission.objects.get(codename=codename))
    return shop.personas.client("mira")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Dora", ["Dora Design"]),
        ("carol@example.com", ["Café Carol"]),
        ("billing-of-dora", ["Dora Design"]),
        ("nobody at all", []),
        ("", ["Café Carol", "Dora Design"]),
    ],
    ids=["name", "a person's e-mail", "billing e-mail", "none", "all"],
)
def test_a_customer_is_found_by_name_or_email(shop, mira, words, found):
    Organization.objects.filter(pk=shop.personas.direct_customer.pk).update(billing_email="billing-of-dora@example.com")

    page = mira.get(reverse(CREATE), {"find": words})

    assert [customer.name for customer in page.context["customers"]] == found
    assert "Alster IT" not in [customer.name for customer in page.context["customers"]]  # a reseller uses nothing
    assert ("No customer matches" in page.text) == (not found)


def test_a_customer_is_found_by_its_number(shop, mira):
    customer = shop.personas.resellers_customer

    page = mira.get(reverse(CREATE), {"find": customer.number})

    assert f"?consumer={customer.number}" in page.text
    assert "Alster IT" in page.text  # who buys for it


def test_only_what_is_sold_to_the_buyer_is_offered(shop, plan, mira):
    for customer, offered in ((shop.personas.direct_customer, True), (shop.personas.resellers_customer, False)):
        page = mira.get(reverse(CREATE), {"consumer": customer.number})
        assert ("Backup 50 GB" in page.text) == offered


def test_a_plan_that_is_not_sold_to_the_buyer_is_refused_when_sent_all_the_same(shop, plan, mira):
    page = mira.post(reverse(CREATE), filled(shop, plan, customer=shop.personas.resellers_customer))

    assert "sold to this customer" in page.context["form"].errors["plan"][0]
    assert not Order.objects.exists()


def test_the_price_follows_what_is_chosen(shop, plan, mira):
    choice = {"consumer": shop.personas.direct_customer.number, "plan": plan.pk, "term_months": 12, "quantity": 2}

    page = mira.get(reverse(CREATE), choice, headers={"HX-Request": "true"})
    facts = dict(page.context["preview"].facts)

    assert facts["List price"] == "200.00 EUR per unit for 12 months"
    assert facts["Dora Design pays"] == "400.00 EUR (2 × 200.00 EUR) for 12 months, excl. VAT"
    assert facts["Setup fee"] == "20.00 EUR (2 × 10.00 EUR) once"
    assert facts["Due now"] == "Nothing"
    assert "12 months: 200.00 EUR" in page.text
    assert "100 GB" in page.text  # what two of it include


def test_a_prepaid_plan_says_what_is_due_now(shop, mira):
    plan = shop.fixed_plan(billing_model="prepaid")

    page = mira.get(reverse(CREATE), {"consumer": shop.personas.direct_customer.number, "plan": plan.pk, "quantity": 3})

    assert dict(page.context["preview"].facts)["Due now"] == "90.00 EUR excl. VAT, by invoice"


def test_of_a_resellers_customer_both_ends_and_the_margin_are_told(shop, plan, mira):
    factories.PartnerTermsFactory(reseller=shop.personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=shop.personas.reseller, plan=plan)
    choice = {"consumer": shop.personas.resellers_customer.number, "plan": plan.pk, "price": "15.00", "price_reason": "x"}

    page = mira.get(reverse(CREATE), choice)
    facts = dict(page.context["preview"].facts)

    assert facts["List price"].startswith("20.00 EUR")
    assert facts["Alster IT pays"].startswith("15.00 EUR")
    assert facts["The customer pays"].startswith("19.50 EUR")
    assert facts["Alster IT's margin"].startswith("4.50 EUR")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"quantity": "0"}, "whole number from 1"),
        ({"quantity": "two"}, "whole number"),
        ({"price": "cheap"}, "Enter an amount like 1234.50"),
        ({"price": "12.00 USD", "price_reason": "x"}, "invoiced in EUR"),
        ({"price": "1,000.00", "price_reason": "x"}, "without separators"),
        ({"price": "12.345", "price_reason": "x"}, "EUR has 2 decimals"),
        ({"price": "12.00"}, "Say why"),
    ],
    ids=["none", "words", "no amount", "currency", "separators", "decimals", "no reason"],
)
def test_what_cannot_be_sold_so_is_said_in_the_place_of_the_price_and_when_it_is_sent(shop, plan, mira, choice, words):
    customer = shop.personas.direct_customer

    shown = mira.get(reverse(CREATE), {"consumer": customer.number, "plan": plan.pk, "quantity": 1, **choice})
    sent = mira.post(reverse(CREATE), filled(shop, plan, **choice))

    assert words in shown.context["preview"].problem
    assert any(words in sentence for errors in sent.context["form"].errors.values() for sentence in errors)
    assert not Order.objects.exists()


def test_a_term_that_the_plan_is_not_sold_for_gives_way_to_one_that_it_is(shop, mira):
    plan = shop.fixed_plan(monthly=None)

    page = mira.get(reverse(CREATE), {"consumer": shop.personas.direct_customer.number, "plan": plan.pk, "term_months": 1})

    assert dict(page.context["preview"].facts)["List price"] == "200.00 EUR per unit for 12 months"


def test_pay_as_you_go_asks_for_licensing_models_and_fixed_plans_do_not(shop, plan, mira):
    customer = shop.personas.direct_customer.number

    metered = mira.get(reverse(CREATE), {"consumer": customer, "plan": shop.plan.pk}).text
    fixed = mira.get(reverse(CREATE), {"consumer": customer, "plan": plan.pk}).text

    assert 'name="protection_model"' in metered
    assert "By use, as the rate card says" in metered
    assert 'name="protection_model"' not in fixed


def test_without_script_a_button_shows_terms_and_price_and_keeps_what_was_typed(shop, plan, mira):
    page = mira.post(reverse(CREATE), filled(shop, plan, do="choose", login="dora.d", term_months="12"))

    assert dict(page.context["preview"].facts)["List price"].startswith("200.00 EUR")
    assert 'value="dora.d"' in page.text
    assert not Order.objects.exists()


def test_a_draft_is_saved_edited_and_placed_from_its_page(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan, purchase_order="PO 9"))
    order = Order.objects.get()
    page = mira.get(page_of(order)).text
    assert "Nothing is reserved" in page
    assert "Login Username is missing" in page
    assert ">Execute<" not in page

    edit = mira.get(page_of(order, "edit")).text
    assert 'value="PO 9"' in edit
    mira.post(page_of(order, "edit"), filled(shop, plan, quantity="4", purchase_order="PO 10"))
    placed = place(mira, order)

    order.refresh_from_db()
    assert (order.status, order.purchase_order, order.lines.get().quantity) == (Order.Status.PLACED, "PO 10", 4)
    assert "is placed" in placed.text
    assert ">Execute<" in placed.text


def test_the_customer_of_a_draft_stays_whatever_is_sent(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()
    other = factories.OrganizationFactory()

    mira.post(page_of(order, "edit"), filled(shop, plan, customer=other, quantity="2"))

    order.refresh_from_db()
    assert (order.consumer, order.lines.get().quantity) == (shop.personas.direct_customer, 2)


def test_editing_what_was_placed_meanwhile_is_refused_in_a_sentence(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()
    place(mira, order)

    page = mira.post(page_of(order, "edit"), filled(shop, plan, quantity="7"), follow=True)

    assert "is not a draft any more" in page.text
    assert OrderLine.objects.get().quantity == 1


def test_placing_says_that_the_price_list_has_changed_before_and_after(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()
    plan.prices.filter(term_months=1).update(price=25)

    before = mira.get(page_of(order))
    after = place(mira, order, before).text

    assert "The price list, or what the plan includes, has changed since the draft was saved" in before.text
    assert "Price: 25.00 EUR for 1 month, excl. VAT instead of 20.00 EUR for 1 month, excl. VAT." in before.text
    assert "Its price is not what the draft said" in after


def test_placing_what_changed_while_its_page_was_open_is_refused_and_says_what_changed(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()
    page = mira.get(page_of(order))
    plan.prices.filter(term_months=1).update(price=25)
    plan.module_settings.storage_quota = 10
    plan.module_settings.save()

    refused = place(mira, order, page).text

    assert "Nothing is placed yet. Price: 25.00 EUR for 1 month, excl. VAT instead of 20.00 EUR" in refused
    assert "Cloud storage: 10 GB, and up to 10 GB above it instead of 50 GB, and up to 10 GB above it." in refused
    assert ">Place order<" in refused
    assert 'name="seen"' in refused  # so that pressed again it is placed

    assert "is placed" in place(mira, order).text
    assert Decimal(OrderLine.objects.get().prices[0]["price"]) == 25


@pytest.mark.parametrize("shown", ["", "no signature"])
def test_placing_without_having_seen_the_draft_is_refused(shop, plan, mira, shown):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()

    page = mira.post(page_of(order, "place"), {"seen": "1", "shown": shown}, follow=True).text

    assert "Look at what it is now, then place it." in page
    order.refresh_from_db()
    assert order.status == Order.Status.DRAFT


@pytest.mark.parametrize(("quantity", "pays"), [("1", "12.00 EUR"), ("2", "40.00 EUR (2 × 20.00 EUR)")], ids=["kept", "dropped"])
def test_the_costs_beside_a_draft_are_those_that_saving_it_brings(shop, plan, mira, quantity, pays):
    mira.post(reverse(CREATE), filled(shop, plan, price="12", price_reason="Framework contract"))
    order = Order.objects.get()
    client = without(shop, "override_price")

    shown = client.get(page_of(order, "edit"), {"quantity": quantity}).context["preview"]
    client.post(page_of(order, "edit"), filled(shop, plan, quantity=quantity))

    assert dict(shown.facts)["Dora Design pays"] == f"{pays} for 1 month, excl. VAT"
    assert client.get(page_of(order)).context["progress"].lines[0].cost_facts[0] == ("Price", f"{pays} for 1 month, excl. VAT")


def test_a_quoted_price_is_told_beside_its_draft_though_the_price_list_has_changed(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()
    mira.post(page_of(order, "quote"), {"sent_to": "dora@example.com", "valid_days": "30", "message": "", "after": ""})
    plan.prices.filter(term_months=1).update(price=25)

    facts = dict(mira.get(page_of(order, "edit")).context["preview"].facts)

    assert facts["Dora Design pays"].startswith("20.00 EUR")


def test_whoever_drops_another_price_is_told_of_it(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan, price="12", price_reason="Framework contract"))
    order = Order.objects.get()

    client = without(shop, "override_price")
    page = client.post(page_of(order, "edit"), filled(shop, plan, quantity="2"), follow=True).text

    assert "had set is not in it any more. It was: Price 12.00 EUR for 1 month" in page
    assert "Framework contract" in page


def test_a_draft_says_why_it_cannot_be_placed(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    mira.post(reverse(CREATE), filled(shop, plan, do="place"))
    draft = Order.objects.get(status=Order.Status.DRAFT)

    assert "Only one Acronis subscription" in mira.get(page_of(draft)).text
    assert "Only one Acronis subscription" in mira.post(page_of(draft, "place"), follow=True).text
    draft.refresh_from_db()
    assert draft.status == Order.Status.DRAFT


def test_a_draft_is_deleted_after_it_was_asked_about(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()

    asked = mira.get(page_of(order, "delete_draft")).text
    mira.post(page_of(order, "delete_draft"))

    order.refresh_from_db()
    assert "cannot be placed any more" in asked
    assert order.status == Order.Status.CANCELLED


def test_a_double_click_on_save_makes_one_draft(shop, plan, mira):
    form = filled(shop, plan)

    first, second = (mira.post(reverse(CREATE), form) for _ in range(2))

    assert Order.objects.count() == 1
    assert first["Location"] == second["Location"]


# --- Another price ------------------------------------------------------------------------------------------------------------


def test_another_price_stands_on_the_order_with_its_reason_and_whoever_set_it(shop, plan, mira):
    form = filled(shop, plan, do="place", price="17.5 eur", setup_fee="0", price_reason="Framework contract")

    page = mira.post(reverse(CREATE), form, follow=True).text

    told = OrderLine.objects.get().prices[0]
    assert (Decimal(told["price"]), Decimal(told["setup_fee"])) == (Decimal("17.50"), 0)
    assert "Framework contract" in page
    assert "17.50 EUR" in page


def test_whoever_may_not_set_a_price_does_not_see_the_field_and_is_refused(shop, plan):
    client = without(shop, "override_price")

    shown = client.get(reverse(CREATE), {"consumer": shop.personas.direct_customer.number, "plan": plan.pk})
    sent = client.post(reverse(CREATE), filled(shop, plan, price="1.00", price_reason="x"))

    assert 'name="price"' not in shown.text
    assert "You may not sell at another price" in str(sent.context["form"].non_field_errors())
    assert not Order.objects.exists()


def test_whoever_may_only_set_prices_edits_a_draft_and_does_not_place_it(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan))
    order = Order.objects.get()
    client = without(shop, "execute_order")

    page = client.get(page_of(order)).text
    client.post(page_of(order, "edit"), filled(shop, plan, price="12", price_reason="x"))

    assert "Edit draft" in page
    assert "Place order" not in page
    assert Decimal(OrderLine.objects.get().prices[0]["price"]) == 12
    assert client.post(page_of(order, "place")).status_code == 403


def test_an_editor_who_may_not_set_prices_is_told_of_the_one_that_is_set(shop, plan, mira):
    mira.post(reverse(CREATE), filled(shop, plan, price="12", price_reason="Framework contract."))
    order = Order.objects.get()
    client = without(shop, "override_price")

    page = client.get(page_of(order, "edit")).text
    client.post(page_of(order, "edit"), filled(shop, plan, purchase_order="PO"))

    assert "set another price: Framework contract. It stays as long as" in page
    assert Decimal(OrderLine.objects.get().prices[0]["price"]) == 12
