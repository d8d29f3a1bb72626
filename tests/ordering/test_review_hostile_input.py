"""Whatever is sent to the pages of ordering, of webhooks, terms and acting as somebody is answered, never with an error of ours."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import WebhookDelivery, WebhookEndpoint
from ordering.models import Order
from ordering.operations import drafts
from ordering.operations.drafts import Wanted
from tests import factories
from tests.ordering.conftest import AT, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]

NASTY = {
    "nul": "a\x00b",
    "digits": "9" * 400,
    "script": "<script>alert(1)</script>\r\nBcc: x@example.com",
}
FIELDS = [
    "action",
    "quantity",
    "term_months",
    "basket",
    "consumer",
    "login",
    "email",
    "use_login",
    "protection_model",
    "file_sync_model",
    "reason",
    "purchase_order",
    "prices_seen",
    "settings_seen",
    "accepted",
    "accept",
    "name",
    "country",
    "currency",
    "billing_email",
    "phone",
    "street",
    "city",
    "postal_code",
    "vat_id",
    "url",
    "told_of",
    "is_active",
    "title",
    "version",
    "text",
    "summary",
    "publish_at",
    "credit_limit",
    "approves_customer_orders",
    "key",
    "plan",
    "price",
    "setup_fee",
    "price_reason",
    "do",
    "role",
    "to",
    "sent_to",
    "valid_days",
    "message",
    "after",
    "person",
    "_selected_action",
    "select_across",
    "confirmed",
    "kind",
    "ends",
    "quote_seen",
    "next",
    "tax_id",
]
STOREFRONT = [
    "basket/",
    "basket/waiting/",
    "basket/waiting/{x}/remove/",
    "basket/add/{plan}/",
    "basket/add/{x}/",
    "basket/remove/{plan}/",
    "basket/customer/",
    "checkout/terms/",
    "checkout/billing/",
    "checkout/service/",
    "checkout/review/",
    "login-check/",
    "approvals/",
    "approvals/{order}/",
    "approvals/{order}/approve/",
    "approvals/{order}/decline/",
    "approvals/{x}/",
    "orders/",
    "orders/{order}/",
    "orders/{x}/",
    "orders/{order}/terms/1/",
    "orders/{order}/terms/99999999999999999999999/",
    "orders/{order}/retry/",
    "orders/{order}/cancel/",
    "orders/{order}/login-check/",
    "orders/{order}/service/",
    "services/{x}/quantity/",
    "services/{x}/plan/",
    "services/{x}/term/",
    "services/{x}/cancel/",
    "services/{x}/keep/",
    "order/{x}/",
    "organization/",
    "organization/edit/",
    "organization/webhooks/",
    "organization/webhooks/add/",
    "organization/webhooks/{hook}/",
    "organization/webhooks/{hook}/edit/",
    "organization/webhooks/99999999999999999999999/",
    "organization/webhooks/deliveries/{delivery}/",
    "organization/webhooks/deliveries/{delivery}/again/",
    "organization/webhooks/{hook}/secret/",
    "organization/webhooks/{hook}/test/",
    "customers/{customer}/edit/",
    "customers/add/",
    "partner/terms/",
    "partner/terms/add/",
    "partner/terms/{terms}/",
    "partner/terms/{terms}/edit/",
    "partner/terms/{terms}/publish/",
    "partner/terms/99999999999999999999999/",
    "act-for/{x}/",
    "acting-as/stop/",
]
BSS = [
    "admin:ordering_order_changelist",
    "admin:ordering_order_create",
    "admin:ordering_order_export",
    "admin:ordering_ordertoexecute_changelist",
    "admin:ordering_ordertoexecute_export",
    "admin:ordering_termsacceptance_changelist",
    "admin:accounts_webhookendpoint_changelist",
    "admin:accounts_webhookendpoint_new",
    "admin:accounts_webhookdelivery_changelist",
    "admin:accounts_actingas_changelist",
    "admin:accounts_actingas_begin",
    "admin:accounts_actingas_export",
]
OF_AN_ORDER = ["edit", "quote", "quote_preview", "decline", "assign", "details", "preview", "progress", "change"]


@pytest.fixture
def house(shop: Shop) -> dict[str, Any]:
    p = shop.personas
    p.reseller.approves_customer_orders = True
    p.reseller.save()
    order = shop.order(owner=p.carol, buyer=p.resellers_customer, consumer=p.resellers_customer)
    hook = WebhookEndpoint.objects.create(
        organization=p.reseller, url="https://hooks.example.com/", secret="s", told_of=["order.placed"], created_at=AT
    )
    delivery = WebhookDelivery.objects.create(endpoint=hook, event="order.placed", payload={}, created_at=AT)
    terms: Any = factories.TermsDocumentFactory(issuer="seller", reseller=p.reseller, published_at=None, title="Ours")
    return {
        "order": order.number,
        "plan": shop.plan.number,
        "hook": hook.pk,
        "delivery": delivery.pk,
        "terms": terms.pk,
        "customer": p.resellers_customer.number,
    }


def asked(client: Any, path: str, value: str) -> Iterator[tuple[str, int]]:
    sent = dict.fromkeys(FIELDS, value)
    yield f"GET {path}", client.get(path, {**sent, "q": value, "page": value, "p": value, "tab": value, "o": value}).status_code
    yield f"POST {path}", client.post(path, sent).status_code


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY.keys())
def test_pages_of_the_storefront_answer_whatever_is_sent(shop: Shop, house: dict[str, Any], value: str) -> None:
    client = shop.personas.client("alice")
    client.raise_request_exception = False
    paths = ["/" + path.format(x="%00" if value == NASTY["nul"] else "x%2e" + value[:300].strip(), **house) for path in STOREFRONT]

    found = [answer for path in paths for answer in asked(client, path, value)]

    assert [(what, status) for what, status in found if status >= 500] == []


@pytest.mark.parametrize("value", [NASTY["nul"]], ids=["nul"])
def test_pages_of_the_back_office_answer_whatever_is_sent(shop: Shop, house: dict[str, Any], value: str) -> None:
    p = shop.personas
    wanted = Wanted(shop.fixed_plan())
    draft = drafts.save_draft(key=uuid4(), consumer=p.direct_customer, wanted=wanted, by=p.mira, at=AT)
    client = p.client("root")
    client.raise_request_exception = False
    numbers = [Order.objects.get(number=house["order"]).pk, draft.pk]
    paths = [reverse(name) for name in BSS]
    paths += [reverse(f"admin:ordering_order_{what}", args=[number]) for what in OF_AN_ORDER for number in numbers]
    nobodys = ("99999999999999999999", "x", "²")
    paths += [f"/bss/ordering/order/{number}/{what}/" for number in nobodys for what in ("edit", "change", "quote")]

    found = [answer for path in paths for answer in asked(client, path, value)]

    assert [(what, status) for what, status in found if status >= 500] == []
