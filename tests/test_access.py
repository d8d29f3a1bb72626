"""Every door says whom it lets in."""

from collections.abc import Iterator

import pytest
import time_machine
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.access import View
from catalog.models import Marketplace, OrderUrl
from tests import factories
from tests.conftest import Personas

# Doors of others: the back office guards itself by django.contrib.admin, sign-in is allauth's.
GUARDED_ELSEWHERE = ("bss/", "accounts/")
MARKS = ("public", "member", "buyer", "staff:", "scope:")


def doors(resolver: URLResolver, path: str = "") -> Iterator[tuple[str, View]]:
    for entry in resolver.url_patterns:
        full = path + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from doors(entry, full)
        elif isinstance(entry, URLPattern):
            yield full, entry.callback


def own_doors() -> list[tuple[str, View]]:
    foreign = tuple(f"^{prefix}" for prefix in GUARDED_ELSEWHERE) + GUARDED_ELSEWHERE
    return [(path, view) for path, view in doors(get_resolver()) if not path.startswith(foreign)]


def test_every_view_is_marked_with_who_may_enter() -> None:
    forgot = [path for path, view in own_doors() if not getattr(view, "access", "").startswith(MARKS)]

    assert forgot == []


def test_the_walk_sees_the_doors_of_the_house() -> None:
    paths = {path for path, _ in own_doors()}

    assert {"", "products/<str:number>/", "customers/", "act-for/<str:number>/"} <= paths


def test_only_few_doors_are_open_to_everybody() -> None:
    public = {path for path, view in own_doors() if view.access == "public"}  # type: ignore[attr-defined]

    arriving = {"sign-up/", "sign-up/code/", "invitations/accept/", "invitations/<str:token>/"}
    description = {"api/v1/openapi.json", "api/v1/openapi.yaml", "api/v1/docs/", "api/v1/"}  # the last answers 404, always
    markets = {"m/<str:slug>/", "m/<str:slug>/theme.css", "m/<str:slug>/<str:number>/", "order/<str:code>/"}
    baskets = {"basket/waiting/", "basket/waiting/<str:code>/remove/"}  # of the visitor's own session
    others = {"healthz", "healthz/", "metrics", "metrics/", "logos/<str:sha256>.png"}
    assert public <= {*others, *arriving, *description, *markets, *baskets}


# --- Who gets what at the partner panel, marketplaces and order URLs --------------------------------------------------------

WHO = ("nobody", "alice", "carol", "bob", "dora", "vic", "mira", "stranger")
SIGN_IN, BASKET = "302 /accounts/login/", "302 /basket/"
PANEL = (SIGN_IN, "200", "404", "200", "404", "404", "403", "403")
OF_ALICE = (SIGN_IN, "200", "404", "404", "404", "404", "403", "403")
EVERYBODY = ("200",) * len(WHO)
DOORS = {
    "/partner/plans/": PANEL,
    "/partner/plans/export/": PANEL,
    "/partner/marketplace/": PANEL,
    "/partner/terms/": PANEL,
    "/partner/plans/P100/": OF_ALICE,
    "/partner/plans/P100/order-urls/": OF_ALICE,
    "/m/alster/": EVERYBODY,
    "/m/alster/P100/": EVERYBODY,
    "/m/alster/theme.css": EVERYBODY,
    "/order/alices/": (SIGN_IN, "403", BASKET, "403", "403", "403", "403", "403"),
    "/order/msps/": (SIGN_IN, BASKET, "403", "409", BASKET, "403", "403", "403"),
}
EXPECTED = [(path, who, answer) for path, answers in DOORS.items() for who, answer in zip(WHO, answers, strict=True)]


@pytest.fixture
def sold_twice(personas: Personas) -> None:
    """A plan sold by the MSP and by Alice, who has a marketplace; Bob may not sell it."""
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        plan = factories.FixedPlanFactory(number="P100")
        factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)
        factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan)
        Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster Backup")
        for code, reseller in (("alices", personas.reseller), ("msps", None)):
            OrderUrl.objects.create(code=code, plan=plan, reseller=reseller, term_months=12, created_at=factories.AT)


@pytest.mark.usefixtures("sold_twice")
@pytest.mark.parametrize(("path", "who", "answer"), EXPECTED, ids=[f"{who} at {path}" for path, who, _ in EXPECTED])
def test_each_door_of_partners_answers_each_person(personas: Personas, path: str, who: str, answer: str) -> None:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        response = personas.client(who).get(path)

    led_to = response.get("Location", "").partition("?")[0]
    assert f"{response.status_code} {led_to}".strip() == answer
