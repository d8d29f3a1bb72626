"""Programs that order: one for everybody, and their answers held against our own OpenAPI document."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client

from accounts import api_tokens
from accounts.models import ApiToken, Organization
from catalog.models import Plan
from tests import factories
from tests.catalog.test_api import judged
from tests.factories import AT
from tests.ordering.conftest import Shop

UNKNOWN = {"nobody": 401, "revoked": 401, "expired": 401}
"""What those are answered everywhere who are let in nowhere."""


class Programs:
    """A program for everybody of the house, some whose token is over, and some with a part of the scopes."""

    def __init__(self, shop: Shop) -> None:
        self.shop, p = shop, shop.personas
        self.sibling: Any = factories.OrganizationFactory(name="Sibling", parent=p.reseller)
        own = {
            "dora": p.direct_customer,
            "alice": p.reseller,
            "carol": p.resellers_customer,
            "sibling": self.sibling,
            "bob": p.other_reseller,
            "msp": p.msp,
        }
        self._secrets = {who: _token(organization, who) for who, organization in own.items()}
        self._secrets["reads"] = _token(p.reseller, "reads", "orders:read", "catalog:read")
        self._secrets["writes"] = _token(p.reseller, "writes", "orders:write")
        self._secrets["expired"] = _token(p.reseller, "expired", expires_at=AT + timedelta(hours=1))
        self._secrets["revoked"] = _token(p.reseller, "revoked")
        api_tokens.revoke_token(token_id=ApiToken.objects.get(name="revoked").pk, at=AT)

    def secret_of(self, who: str) -> str:
        return self._secrets[who]

    def client(self, who: str) -> Client:
        headers = {"Authorization": f"Bearer {self._secrets[who]}"} if who != "nobody" else {}
        return Client(headers=headers, raise_request_exception=False)

    def get(self, who: str, path: str) -> Any:
        return judged(self.client(who).get(f"/api/v1/{path}"))

    def post(self, who: str, path: str, body: Any = None, *, key: str = "") -> Any:
        """Send ``body`` by POST with a key of its own, unless one is given."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        return judged(self.client(who).post(f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers))

    def place(self, who: str, *, key: str = "", **changes: Any) -> Any:
        """Order, with the terms accepted; the MSP's program accepts none unless it is told to."""
        return self.post(who, "orders", self.wish(**({"accepted_terms": None} if who == "msp" else {}) | changes), key=key)

    def wish(self, *, plan: Plan | None = None, consumer: Organization | None = None, line: Any = None, **changes: Any) -> Any:
        """Return a body that orders the shop's plan, for the caller itself unless a consumer is named. None takes a field out."""
        settings = {"protection_model": "per_gigabyte", "file_sync_model": "per_user"}
        one = {"plan": (plan or self.shop.plan).number, **(settings if plan is None else {}), **(line or {})}
        body = {
            "lines": [one],
            "accepted_terms": [self.shop.terms.pk],
            "login": "jane.doe",
            "email": "jane@example.com",
            **({"consumer": consumer.number} if consumer is not None else {}),
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def placed(self, who: str, **changes: Any) -> dict[str, Any]:
        """Place an order, which must be taken, and return what is told of it."""
        answer = self.place(who, **changes)
        assert answer.status_code == 201, answer.content
        told: dict[str, Any] = answer.json()
        return told


def _token(organization: Organization, name: str, *scopes: str, **facts: Any) -> str:
    wanted = {"scopes": scopes or api_tokens.scopes_for(organization), "by": factories.UserFactory(), "at": AT, **facts}
    return api_tokens.create_token(organization_id=organization.pk, name=name, **wanted).secret


def only_error(answer: Any) -> dict[str, Any]:
    (error,) = answer.json()["errors"]
    found: dict[str, Any] = error
    return found
