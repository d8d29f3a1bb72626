"""The pages of basket, checkout and order where a plan of fixed price lies in them: what each reader is told, asked and refused."""

import re
from decimal import Decimal

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Membership
from catalog.models import ModuleItem, Plan, PlanPrice
from ordering.models import Basket, Order
from ordering.module_wishes import Included
from ordering.queries import checkouts
from tests import factories
from tests.ordering.conftest import AT
from tests.ordering.pages import BASKET, BILLING, REVIEW, SERVICE, TERMS, error_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]

STEPS = [BASKET, TERMS, BILLING, SERVICE, REVIEW]


@pytest.fixture
def fixed(shop):
    shop.plan = shop.fixed_plan()
    shop.sells_through(shop.personas.reseller)
    return shop


def words_of(response):
    """The words of a page, its blanks made one."""
    assert response.status_code == 200
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(text.split())


def chosen(basket, **changes):
    line = basket.lines.get()
    answer = {"term_months": "1", "quantity": "1", **changes}
    return {f"{line.pk}-{name}": value for name, value in answer.items()}


def seen_by(client):
    """The prices that the review page says were seen."""
    return re.search(r'name="prices_seen" value="(\w*)"', client.get(REVIEW).content.decode())[1]


# The way into the basket


def test_the_product_page_puts_a_term_and_a_quantity_into_the_basket(fixed, dora):
    answer = dora.post(f"/basket/add/{fixed.plan.number}/", {"quantity": "2", "term_months": "12"})

    assert answer.url == BASKET
    line = Basket.objects.get().lines.get()
    assert (line.quantity, line.term_months) == (2, 12)


def test_another_term_for_what_lies_in_the_basket_is_said(fixed, dora):
    dora.post(f"/basket/add/{fixed.plan.number}/", {"quantity": "1", "term_months": "1"})

    page = words_of(dora.post(f"/basket/add/{fixed.plan.number}/", {"quantity": "1", "term_months": "12"}, follow=True))

    assert "It is there with your new choice: 12 months, quantity 1." in page


@pytest.mark.parametrize(
    "sent", [{"term_months": "3"}, {"term_months": "x"}, {"quantity": "1.5"}, {"quantity": "-1"}, {"quantity": "0"}]
)
def test_what_is_not_sold_is_refused_on_the_product_page(fixed, dora, sent):
    answer = dora.post(f"/basket/add/{fixed.plan.number}/", {"quantity": "1", "term_months": "1", **sent})

    assert answer.url == reverse("catalog:plan", args=[fixed.plan.number])
    assert not Basket.objects.filter(lines__isnull=False).exists()


# The basket


def test_the_basket_asks_for_term_and_quantity_and_tells_the_rest(fixed, dora):
    fixed.basket(quantity=2, term_months=12)

    page = words_of(dora.get(BASKET))

    assert "1 month: 20.00 EUR 12 months: 200.00 EUR" in page
    assert "Cloud storage 100 GB, and up to 20 GB above it at the overage price" in page
    assert "400.00 EUR (2 × 200.00 EUR) for 12 months, excl. VAT" in page
    assert "Per gigabyte Protection service that is getting enabled based on the “per gigabyte” licensing model." in page
    assert "Choose…" not in page  # its licensing models are settled


def test_items_of_the_module_setting_are_included_times_the_quantity(fixed, dora):
    manager = fixed.plan.service_manager
    row = manager.offering_items.get()
    row.pk, row.name, row.usage_name, row.measurement_unit = None, "pg_base_servers", "servers", "quantity"
    row.save()
    ModuleItem.objects.create(settings=fixed.plan.module_settings, name="pg_base_servers", soft_quota=3)
    ModuleItem.objects.create(settings=fixed.plan.module_settings, name="pg_base_vms", is_enabled=False)
    fixed.basket(quantity=2)

    page = words_of(dora.get(BASKET))

    assert "Servers 6" in page
    assert "Virtual machines" not in page


def test_the_basket_keeps_what_is_chosen_and_goes_on(fixed, dora):
    basket = fixed.basket()

    answer = dora.post(BASKET, {"action": "proceed", **chosen(basket, term_months="12", quantity="3")})

    assert answer.url == TERMS
    line = basket.lines.get()
    assert (line.term_months, line.quantity, line.told_price["price"]) == (12, 3, "200")


def test_update_shows_what_a_choice_costs_and_stays(fixed, alice):
    p = fixed.personas
    basket = fixed.basket(owner=p.alice, buyer=p.reseller)

    page = words_of(alice.post(BASKET, {"action": "update", "consumer": "", **chosen(basket, quantity="10")}, follow=True))

    assert "160.00 EUR (10 × 16.00 EUR) for 1 month" in page
    assert "Not chosen yet" in page


@pytest.mark.parametrize("action", ["proceed", "update"])
@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "1000000000", "", "x"])
def test_a_wrong_quantity_is_refused_beside_the_field_and_kept(fixed, dora, quantity, action):
    basket = fixed.basket()

    page = dora.post(BASKET, {"action": action, **chosen(basket, quantity=quantity)}).content.decode()

    assert error_at(page, f"id_{basket.lines.get().pk}-quantity") == ["Enter a whole number from 1 to 10,000."]
    assert basket.lines.get().quantity == 1


@pytest.mark.parametrize("term", ["3", "", "x", "-1"])
def test_a_term_that_is_not_sold_is_refused_beside_the_field(fixed, dora, term):
    basket = fixed.basket()

    page = dora.post(BASKET, {"action": "proceed", **chosen(basket, term_months=term)}).content.decode()

    assert error_at(page, f"id_{basket.lines.get().pk}-term_months") == ["Choose one of the terms."]


def test_a_plan_without_enabled_quantity_asks_for_none_and_takes_none(fixed, dora):
    Plan.objects.update(quantity_is_enabled=False)
    basket = fixed.basket()
    assert f"{basket.lines.get().pk}-quantity" not in dora.get(BASKET).content.decode()

    dora.post(BASKET, {"action": "proceed", **chosen(basket, quantity="7")})

    assert basket.lines.get().quantity == 1


def test_a_customer_without_a_price_in_its_currency_is_refused_beside_the_field(fixed, alice):
    p = fixed.personas
    customer = factories.OrganizationFactory(parent=p.reseller, currency="CHF")
    basket = fixed.basket(owner=p.alice, buyer=p.reseller)

    page = alice.post(BASKET, {"action": "proceed", "consumer": customer.number, **chosen(basket)}).content.decode()

    assert "is invoiced in CHF" in error_at(page, "id_consumer")[0]


# Beside every step


@pytest.mark.parametrize("path", STEPS)
def test_the_summary_tells_what_for_whom_how_billed_and_when(fixed, dora, path):
    fixed.complete(quantity=2, term_months=12)

    page = words_of(dora.get(path))
    summary = page[page.rindex("Your order") :]

    assert f"{fixed.plan} 12 months, quantity 2" in summary
    assert "Price 400.00 EUR (2 × 200.00 EUR) for 12 months, excl. VAT" in summary
    assert "Setup fee 20.00 EUR (2 × 10.00 EUR) once" in summary
    assert "The first and the last month are billed by days." in summary
    assert "For Dora Design" in summary
    assert "Due now 0.00 EUR" in summary
    assert "First invoice on 1 Nov 2026, for the days up to 31 Oct 2026." in summary


@pytest.mark.parametrize("path", STEPS)
def test_a_reseller_reads_cost_retail_and_margin_on_every_step(fixed, alice, path):
    p = fixed.personas
    fixed.complete(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    page = words_of(alice.get(path))

    assert "Your cost 16.00 EUR for 1 month" in page
    assert "Your customer pays 20.80 EUR for 1 month" in page
    assert "Your margin 4.80 EUR for 1 month" in page


@pytest.mark.parametrize("path", STEPS)
def test_a_resellers_customer_reads_retail_alone_on_every_step(fixed, path):
    p = fixed.personas
    fixed.complete(owner=p.carol, buyer=p.resellers_customer)

    page = p.client("carol").get(path).content.decode()

    assert "20.80 EUR" in page
    for secret in ("16.00", "20.00 EUR", "4.80", "margin"):
        assert secret not in page


# A price that changes on the way


@pytest.mark.parametrize("path", STEPS)
def test_a_changed_price_is_told_on_the_page_where_the_reader_is(fixed, dora, path):
    fixed.complete()
    PlanPrice.objects.filter(plan=fixed.plan).update(price=Decimal(22))

    answer = dora.get(path, follow=True)

    assert answer.redirect_chain == [(path, 302)]
    assert "the price for 1 month is 22.00 EUR instead of 20.00 EUR" in words_of(answer)
    assert "has changed" not in words_of(dora.get(path))


def test_a_term_withdrawn_meanwhile_becomes_another_with_a_notice(fixed, dora):
    fixed.complete(term_months=12)
    PlanPrice.objects.filter(plan=fixed.plan, term_months=12).delete()

    page = words_of(dora.get(BILLING, follow=True))

    assert "not sold for 12 months any more. Your basket has it for 1 month now." in page


def test_a_plan_without_any_price_leaves_the_basket(fixed, dora):
    fixed.complete()
    PlanPrice.objects.all().delete()

    assert "is not sold any more. We took it out of your basket." in words_of(dora.get(REVIEW, follow=True))


def test_an_order_at_other_prices_is_refused_with_the_new_figures(fixed, dora):
    basket = fixed.complete()
    seen = seen_by(dora)
    PlanPrice.objects.filter(plan=fixed.plan).update(price=Decimal(22))

    answer = dora.post(REVIEW, {"basket": basket.key, "prices_seen": seen}, follow=True)

    page = words_of(answer)
    assert answer.redirect_chain[0] == (REVIEW, 302)
    assert "Nothing is ordered yet." in page
    assert "is 22.00 EUR instead of 20.00 EUR" in page
    assert not Order.objects.exists()
    assert dora.post(REVIEW, {"basket": basket.key, "prices_seen": seen_by(dora)}).url.startswith("/orders/")


def test_what_another_window_changed_is_refused_in_this_one(fixed, dora):
    basket = fixed.complete()
    seen = seen_by(dora)
    dora.post(BASKET, {"action": "proceed", **chosen(basket, quantity="5")})

    page = words_of(dora.post(REVIEW, {"basket": basket.key, "prices_seen": seen}, follow=True))

    assert "Nothing is ordered yet." in page
    assert "100.00 EUR (5 × 20.00 EUR)" in page
    assert not Order.objects.exists()


@pytest.mark.parametrize("seen", [None, "", "x", "0" * 65])
def test_an_invented_price_orders_nothing(fixed, dora, seen):
    basket = fixed.complete()
    sent = {} if seen is None else {"prices_seen": seen}

    dora.post(REVIEW, {"basket": basket.key, **sent})

    assert not Order.objects.exists()


def test_checkout_pressed_twice_shows_the_same_order(fixed, dora):
    basket = fixed.complete()
    sent = {"basket": basket.key, "prices_seen": seen_by(dora)}

    first, second = dora.post(REVIEW, sent), dora.post(REVIEW, sent)

    assert first.url == second.url
    assert Order.objects.count() == 1


def test_a_plan_whose_items_are_gone_is_refused_at_purchase(fixed, dora):
    basket = fixed.complete()
    seen = seen_by(dora)
    fixed.plan.service_manager.offering_items.all().delete()

    page = words_of(dora.post(REVIEW, {"basket": basket.key, "prices_seen": seen}, follow=True))

    assert "offering items not available" in page
    assert not Order.objects.exists()


def test_a_viewer_orders_nothing(fixed):
    p = fixed.personas
    basket = fixed.complete()
    Membership.objects.filter(user=p.dora).update(role=Membership.Role.VIEWER)

    answer = p.client("dora").post(REVIEW, {"basket": basket.key, "prices_seen": checkouts.summary(basket, at=AT).prices_seen})

    assert answer.status_code == 403
    assert not Order.objects.exists()


# The order


@pytest.mark.parametrize(
    ("person", "told", "secret"),
    [
        ("alice", ["Your cost 16.00 EUR", "Your customer pays 20.80 EUR", "Your margin 4.80 EUR"], ["Reseller pays"]),
        ("carol", ["Price 20.80 EUR"], ["16.00", "4.80", "margin", "cost", "20.00 EUR"]),
    ],
)
@pytest.mark.parametrize("buyer", ["reseller", "resellers_customer"])
def test_the_order_page_tells_each_reader_its_own_end(fixed, person, told, secret, buyer):
    p = fixed.personas
    owner = p.alice if buyer == "reseller" else p.carol
    order = fixed.order(owner=owner, buyer=getattr(p, buyer), consumer=p.resellers_customer)

    page = words_of(p.client(person).get(f"/orders/{order.number}/"))

    assert "Cloud storage 50 GB, and up to 10 GB above it" in page
    for words in told:
        assert words in page
    for words in secret:
        assert words not in page


def test_the_list_of_orders_names_term_and_quantity(fixed, dora):
    fixed.order(quantity=2, term_months=12)

    assert f"{fixed.plan} 12 months, quantity 2" in words_of(dora.get("/orders/"))


@pytest.mark.parametrize("path", STEPS)
def test_pages_of_a_direct_customer_read_a_bounded_number_of_times(fixed, dora, path, django_assert_max_num_queries):
    fixed.complete(quantity=2)
    dora.get(path)

    with django_assert_max_num_queries(8):
        dora.get(path)


@pytest.mark.parametrize("path", STEPS)
def test_pages_of_a_reseller_read_a_bounded_number_of_times(fixed, alice, path, django_assert_max_num_queries):
    p = fixed.personas
    fixed.complete(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    alice.get(path)

    with django_assert_max_num_queries(11):
        alice.get(path)


def test_what_has_no_quota_stands_behind_the_rest_and_the_storage_always_first():
    said = [Included("Cloud storage", "unlimited", ""), Included("Servers", "unlimited", ""), Included("Websites", "3", "")]

    told = " ".join(re.sub(r"<[^>]+>", " ", render_to_string("ordering/_included.html", {"included": said})).split())

    assert told == "Cloud storage unlimited Websites 3 Without a limit Servers"
