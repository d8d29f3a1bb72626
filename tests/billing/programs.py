"""Programs of the people of the house, and their answers held against our own OpenAPI document."""

from datetime import UTC, datetime
from typing import Any

from django.test import Client

from accounts import api_tokens
from accounts.models import ApiToken, Organization
from tests import factories
from tests.catalog.test_api import judged, token
from tests.conftest import Personas

MADE_AT = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
REFUSED = {"nobody": 401, "revoked": 401, "no scope": 403}
"""What those are answered everywhere who have no right at all."""


class Programs:
    """One program for everybody, one whose token was revoked, and one that has not got the scopes of billing."""

    def __init__(self, personas: Personas) -> None:
        cousin = factories.OrganizationFactory(name="Cousin", parent=personas.other_reseller)
        self._of = {
            "dora": _token(personas.direct_customer),
            "alice": _token(personas.reseller),
            "carol": _token(personas.resellers_customer),
            "bob": _token(personas.other_reseller),
            "cousin": _token(cousin),
            "no scope": _token(personas.reseller, "catalog:read", "partner:read"),
            "revoked": _token(personas.direct_customer, name="Revoked"),
        }
        api_tokens.revoke_token(token_id=ApiToken.objects.get(name="Revoked").pk, at=MADE_AT)

    def client(self, who: str) -> Client:
        return Client(headers={"Authorization": f"Bearer {self._of[who]}"} if who != "nobody" else {})

    def get(self, who: str, path: str) -> Any:
        return judged(self.client(who).get(f"/api/v1/{path}"))

    def told(self, who: str, path: str) -> Any:
        """Return what is answered, which must be good."""
        answer = self.get(who, path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def results(self, who: str, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.told(who, path)["results"]
        return found

    def walked(self, who: str, path: str, *, size: int) -> list[list[dict[str, Any]]]:
        """Return all pages, from the first to the last, after walking back over the same ones."""
        pages, link = [], f"/api/v1/{path}{'&' if '?' in path else '?'}page_size={size}"
        while link is not None:
            answer = judged(self.client(who).get(link)).json()
            pages.append(answer["results"])
            link = answer["next"]
        back, link = [pages[-1]], answer["previous"]
        while link is not None:
            answer = judged(self.client(who).get(link)).json()
            back.append(answer["results"])
            link = answer["previous"]
        assert back == pages[::-1]
        return pages

    def refused(self, who: str, path: str) -> tuple[int, str | None]:
        """Return the status of a refusal, and the parameter it names."""
        answer = self.get(who, path)
        return answer.status_code, answer.json()["errors"][0]["attr"]

    def statuses(self, path: str, readers: dict[str, int]) -> dict[str, int]:
        return {who: self.client(who).get(f"/api/v1/{path}").status_code for who in {**readers, **REFUSED}}


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def _token(organization: Organization, *scopes: str, name: str = "Program") -> str:
    return token(organization, f"{name} {len(scopes)}" if scopes else name, *scopes, at=MADE_AT)
