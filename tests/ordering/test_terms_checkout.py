"""Terms of use at the checkout: whose, what is new, what staff cannot accept, and what was accepted afterwards."""

from datetime import timedelta

import pytest
from django.urls import reverse

from catalog.models import TermsDocument
from ordering.models import Order, TermsAcceptance
from ordering.operations import baskets
from ordering.operations.refusals import OnlyInPerson
from tests.ordering.conftest import ADDRESS, AT
from tests.ordering.pages import TERMS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


def document(title="Terms of Service", version="1", **facts):
    facts = {"text": f"Words of {title} {version}.", "published_at": AT - timedelta(days=9), **facts}
    return TermsDocument.objects.create(title=title, version=version, **facts)


def text_of(response):
    return " ".join(response.content.decode().split())


def accept(basket, *documents, by=None):
    baskets.accept_terms(
        basket_id=basket.pk, documents=[one.pk for one in documents], by=by or basket.owner, address=ADDRESS, at=AT
    )


@pytest.fixture
def mira_as_dora(shop):
    client = shop.personas.client("mira")
    begin = f"{reverse('admin:accounts_actingas_begin')}?organization={shop.personas.direct_customer.number}"
    client.post(begin, {"person": shop.personas.dora.pk, "reason": "Ticket 4711"})
    return client


def test_the_vendors_and_the_sellers_are_documents_of_their_own_with_their_versions(shop):
    vendors = document("Acronis Terms", "7", issuer="vendor")
    shop.configured()

    page = text_of(shop.personas.client("dora").get(TERMS))

    assert "Terms of the vendor, version 7" in page
    assert f"Terms of {shop.personas.msp}, version {shop.terms.version}" in page
    assert page.index(vendors.text) < page.index(shop.terms.text)


def test_a_resellers_customer_reads_its_resellers_own(shop):
    p = shop.personas
    own = document("Terms of Alster IT", reseller=p.reseller)
    shop.configured(owner=p.carol, buyer=p.resellers_customer)

    page = text_of(p.client("carol").get(TERMS))

    assert "Terms of Alster IT, version 1" in page
    assert own.text in page
    assert shop.terms.text not in page


def test_a_reseller_that_buys_accepts_the_msps_not_its_own(shop):
    p = shop.personas
    document("Terms of Alster IT", reseller=p.reseller)
    shop.configured(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    page = text_of(p.client("alice").get(TERMS))

    assert shop.terms.text in page
    assert "Words of Terms of Alster IT" not in page


def test_what_is_new_since_the_buyers_last_acceptance_is_told(shop):
    accept(shop.configured(), shop.terms)
    title, issuer = shop.terms.title, shop.terms.issuer
    document(title, "2026-02", issuer=issuer, summary="Data lie in Frankfurt.", published_at=AT - timedelta(hours=2))
    document(title, "2026-03", issuer=issuer, published_at=AT - timedelta(hours=1, minutes=30))
    document(title, "2026-04", issuer=issuer, summary="<i>Notice</i> is 30 days.", published_at=AT - timedelta(hours=1))
    document(title, "2026-05", issuer=issuer, summary="Not yet.", published_at=AT + timedelta(hours=1))

    page = shop.personas.client("dora").get(TERMS)

    shown = " ".join(page.content.decode().split())
    assert f"New since version {shop.terms.version}, which {shop.personas.dora} accepted on" in shown
    assert "Version 2026-02: Data lie in Frankfurt." in shown
    assert "Version 2026-04: &lt;i&gt;Notice&lt;/i&gt; is 30 days." in shown
    assert "Not yet." not in shown


def test_a_buyer_who_accepts_for_the_first_time_is_told_of_nothing_new(shop):
    document(summary="Data lie in Frankfurt.")
    shop.configured()

    assert "Frankfurt" not in text_of(shop.personas.client("dora").get(TERMS))


def test_another_buyers_acceptance_is_not_this_ones(shop):
    p = shop.personas
    accept(shop.configured(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer), shop.terms)
    document(shop.terms.title, "2026-02", issuer=shop.terms.issuer, summary="Frankfurt.", published_at=AT - timedelta(hours=1))
    shop.configured()

    assert "Frankfurt" not in text_of(p.client("dora").get(TERMS))


def test_text_is_shown_as_paragraphs_and_never_as_markup(shop):
    document(text="One.\n\n<script>alert(1)</script>\n<b>Two</b>")
    shop.configured()

    page = shop.personas.client("dora").get(TERMS).content.decode()

    assert "<p>One.</p>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>&lt;b&gt;Two&lt;/b&gt;" in page
    assert "<script>alert" not in page


# Staff who act as the buyer's person


def test_staff_cannot_accept_in_the_customers_name(shop, mira_as_dora):
    basket = shop.configured()

    page = text_of(mira_as_dora.get(TERMS))
    mira_as_dora.post(TERMS, {f"document-{shop.terms.pk}": "on"})

    assert f"Only {shop.personas.dora} can accept the terms of use." in page
    assert 'type="checkbox"' not in mira_as_dora.get(TERMS).content.decode()
    assert not TermsAcceptance.objects.exists()
    assert mira_as_dora.get("/checkout/billing/")["Location"] == TERMS
    basket.refresh_from_db()
    assert basket.terms_accepted_at is None


def test_the_operation_refuses_it_too(shop):
    basket = shop.configured()
    dora = shop.personas.dora
    dora.stands_for = basket.buyer_id

    with pytest.raises(OnlyInPerson, match="can accept the terms of use"):
        accept(basket, shop.terms, by=dora)


def test_staff_go_on_with_what_the_customer_accepted_before_and_its_record_is_kept(shop, mira_as_dora):
    p = shop.personas
    first = shop.order()
    before = TermsAcceptance.objects.get()
    Order.objects.filter(pk=first.pk).update(status=Order.Status.CANCELLED)
    first.lines.update(status="cancelled")
    basket = shop.configured()

    page = text_of(mira_as_dora.get(TERMS))
    answer = mira_as_dora.post(TERMS)

    kept = TermsAcceptance.objects.get(basket=basket)
    assert f"{p.direct_customer} has accepted all of these already." in page
    assert answer["Location"] == "/checkout/billing/"
    assert (kept.person, kept.accepted_at, kept.address) == (p.dora, before.accepted_at, before.address)


def test_a_newer_version_waits_for_the_person(shop, mira_as_dora):
    accept(shop.configured(), shop.terms)
    newer = document(shop.terms.title, "2026-02", issuer=shop.terms.issuer, published_at=AT - timedelta(hours=1))

    page = text_of(mira_as_dora.get(TERMS))
    mira_as_dora.post(TERMS)

    assert f"Only {shop.personas.dora} can accept" in page
    assert not TermsAcceptance.objects.filter(document=newer).exists()


# Afterwards


def test_the_order_leads_to_the_words_that_were_accepted(shop):
    order = shop.order()
    client = shop.personas.client("dora")
    path = f"/orders/{order.number}/terms/{shop.terms.pk}/"
    document(shop.terms.title, "2026-02", issuer=shop.terms.issuer, text="Newer words.", published_at=AT - timedelta(hours=1))

    page = client.get(f"/orders/{order.number}/").content.decode()
    words = text_of(client.get(path))

    assert "Terms you accepted" in page
    assert f'href="{path}"' in page
    assert shop.terms.text in words
    assert "Newer words." not in words
    assert f"{shop.personas.dora} accepted this version for Dora Design" in words


def test_what_a_program_accepted_is_shown_with_its_order_alone(shop):
    order = shop.order()
    Order.objects.filter(pk=order.pk).update(basket=None)
    TermsAcceptance.objects.create(order=order, document=shop.terms, accepted_at=AT)
    other = document("Other terms")

    client = shop.personas.client("dora")

    assert "A program accepted this version" in text_of(client.get(f"/orders/{order.number}/terms/{shop.terms.pk}/"))
    assert client.get(f"/orders/{order.number}/terms/{other.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("person", "status"),
    [("nobody", 302), ("stranger", 403), ("bob", 404), ("dora", 404), ("carol", 404), ("alice", 200), ("mira", 403)],
)
def test_only_the_buyer_reads_what_it_accepted(shop, person, status):
    p = shop.personas
    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    assert p.client(person).get(f"/orders/{order.number}/terms/{shop.terms.pk}/").status_code == status


def test_the_consumer_of_a_resellers_order_sees_no_terms_of_its_reseller(shop):
    p = shop.personas
    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    assert "Terms you accepted" not in p.client("carol").get(f"/orders/{order.number}/").content.decode()


def test_the_step_asks_the_database_no_more_for_many_versions(shop, django_assert_max_num_queries):
    accept(shop.configured(), shop.terms)
    for n in range(12):
        published_at = AT - timedelta(hours=2, minutes=-n)
        document(shop.terms.title, f"2026-1.{n}", issuer=shop.terms.issuer, summary="New.", published_at=published_at)
    client = shop.personas.client("dora")
    client.get(TERMS)

    with django_assert_max_num_queries(14):
        client.get(TERMS)
