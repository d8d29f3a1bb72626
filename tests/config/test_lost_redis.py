"""Redis is lost: pages and the API stand on the database alone, and nobody is signed out or in again by its return."""

from typing import Any

import pytest

from accounts import api_tokens
from accounts.models import ApiToken
from catalog.models import Marketplace
from tests import factories
from tests.conftest import Personas


@pytest.fixture
def plan(personas: Personas) -> Any:
    return factories.FixedPlanFactory(number="P100")


@pytest.fixture
def lost(settings: Any, personas: Personas) -> None:
    """Nothing answers where Redis was."""
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize("path", ["/", "/products/P100/", "/basket/", "/orders/", "/services/", "/invoices/", "/api/v1/plans"])
def test_who_is_signed_in_goes_on(personas: Personas, path: str, request: pytest.FixtureRequest) -> None:
    dora = personas.client("dora")

    request.getfixturevalue("lost")

    assert dora.get(path).status_code == 200


@pytest.mark.usefixtures("lost")
def test_visitors_are_let_in(personas: Personas) -> None:
    Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster Backup")
    nobody = personas.client("nobody")

    assert nobody.get("/m/alster/").status_code == 200
    assert nobody.get("/accounts/login/").status_code == 200
    assert nobody.get("/sign-up/").status_code == 200


@pytest.mark.usefixtures("lost", "plan")
def test_programs_go_on_uncounted(personas: Personas) -> None:
    made = api_tokens.create_token(
        organization_id=personas.direct_customer.pk,
        name="Website",
        scopes=[ApiToken.Scope.CATALOG_READ],
        by=personas.dora,
        at=factories.AT,
    )

    answer = personas.client("nobody").get("/api/v1/plans/P100/prices", headers={"Authorization": f"Bearer {made.secret}"})

    assert answer.status_code == 200


@pytest.mark.usefixtures("plan")
def test_a_session_that_ended_while_redis_was_lost_stays_ended(personas: Personas, settings: Any) -> None:
    dora = personas.client("dora")
    dora.get("/")
    kept, there = dora.cookies["sessionid"].value, settings.CACHES

    settings.CACHES = {"default": {**there["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    dora.post("/accounts/logout/")
    settings.CACHES = there
    dora.cookies["sessionid"] = kept

    assert dora.get("/").status_code == 302
