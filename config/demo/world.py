"""
The demonstration's world: an MSP with its staff, two resellers, customers, two plans on sale, and a price list.

Everything is made through the same operations as in the BSS. Making it again changes nothing.
"""

import io
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import Group

from accounts.models import Membership, Organization, User
from accounts.operations import add_member, add_organization
from billing.operations import exchange_rates, rate_cards
from config.demo.people import ALICE, BERT, BOB, CAROL, DORA, ELKE, PASSWORD, STAFF, Person
from config.demo.price_list import filled_sheet
from config.demo.shelves import make_catalogue, make_partners
from config.roles import ensure_roles
from provisioning.models import ServiceManager
from provisioning.operations import connection


def make_world(*, at: datetime, vendor: Mapping[str, str], with_rate_card: bool) -> None:
    """
    Make what is missing of the demonstration's world.

    :param vendor: ``url``, ``client_id`` and ``client_secret`` of the vendor.
    :param with_rate_card: also import the price list for this month; the story of `make demo` imports it through the BSS.
    """
    ensure_roles()
    msp = _make_staff(at)
    manager = _make_service_manager(at, vendor)
    plan, *fixed = make_catalogue(manager, at)
    make_partners([plan, *fixed], _make_buyers(msp, at), at)
    exchange_rates.set_exchange_rate(base="EUR", quote="CHF", valid_from=date(2026, 1, 1), rate=Decimal("0.94"))
    if with_rate_card and not plan.product_group.rate_cards.exists():
        sheet = filled_sheet(rate_cards.sheet_format(plan.product_group))
        rate_cards.import_rate_card(
            product_group=plan.product_group,
            month=at.date().replace(day=1),
            currency="EUR",
            exchange_rate=Decimal(1),
            file=io.BytesIO(sheet),
            file_name="rate-card.xlsx",
            by=User.objects.get(email=BERT.email),
            at=at,
        )


def give_second_factors() -> dict[str, str]:
    """Give staff without one a second factor (RFC 6238); return e-mail → secret in base32, of everybody who has one."""
    for user in User.objects.filter(is_staff=True):
        if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
            TOTP.activate(user, generate_totp_secret())
    found = Authenticator.objects.filter(type=Authenticator.Type.TOTP).select_related("user")
    return {row.user.email: get_adapter().decrypt(row.data["secret"]) for row in found}


def _make_staff(at: datetime) -> Organization:
    msp = _organization(
        "Northwind Cloud GmbH", Organization.Kind.MSP, None, at, _address("Hafenstraße 7", "20457", "Hamburg", "DE129273398")
    )
    if not msp.payment_details:
        msp.payment_details = "Northwind Cloud GmbH, IBAN DE02 1203 0000 0000 2020 51, BIC BYLADEM1001"
        msp.save(update_fields=["payment_details"])
    for person in STAFF:
        user = _user(person, is_staff=True, is_superuser=not person.group)
        if person.group:
            user.groups.add(Group.objects.get(name=person.group))
    return msp


def _make_service_manager(at: datetime, vendor: Mapping[str, str]) -> ServiceManager:
    manager, _ = ServiceManager.objects.update_or_create(
        name="Acronis",
        defaults={"base_url": vendor["url"], "client_id": vendor["client_id"], "client_secret": vendor["client_secret"]},
    )
    connection.test_connection(service_manager_id=manager.pk, at=at)
    connection.fetch_services_definition(service_manager_id=manager.pk, at=at)
    manager.refresh_from_db()
    return manager


def _make_buyers(msp: Organization, at: datetime) -> list[tuple[Organization, str, str]]:
    """Make the buyers; return the resellers, each with the discount it gets and the markup it takes, in percent."""
    customer, reseller = Organization.Kind.CUSTOMER, Organization.Kind.RESELLER
    dora = _organization("Dora Design GmbH", customer, msp, at, _address("Lange Reihe 12", "20099", "Hamburg", "DE811569869"))
    _member(DORA, dora)
    alice = _organization("Alster IT GmbH", reseller, msp, at, _address("Jungfernstieg 3", "20095", "Hamburg", "DE118509776"))
    _member(ALICE, alice)
    alice_facts = "Alster IT GmbH, IBAN DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX"
    Organization.objects.filter(pk=alice.pk, payment_details="").update(payment_details=alice_facts)
    carol = _organization("Café Carol", customer, alice, at, _address("Eppendorfer Weg 90", "20259", "Hamburg"))
    _member(CAROL, carol)
    bob = _organization("Bodensee Systems AG", reseller, msp, at, _address("Seestraße 4", "78464", "Konstanz"))
    _member(BOB, bob)
    zurich = _address("Limmatquai 20", "8001", "Zürich") | {"currency": "CHF", "country": "CH", "time_zone": "Europe/Zurich"}
    _organization("Matterhorn Treuhand AG", customer, msp, at, zurich | {"orders_execute_automatically": False})
    elbe = _organization("Elbe Verlag GmbH", customer, msp, at, _address("Große Elbstraße 68", "22767", "Hamburg"))
    _member(ELKE, elbe)
    return [(alice, "20", "30"), (bob, "15", "40")]


def _organization(name: str, kind: str, parent: Organization | None, at: datetime, facts: Mapping[str, Any]) -> Organization:
    found = Organization.objects.filter(name=name).first()
    billing_email = f"rechnung@{name.split()[0].lower().replace('é', 'e')}.example"
    return found or add_organization(kind=kind, parent=parent, name=name, at=at, billing_email=billing_email, **facts)


def _address(street: str, postcode: str, city: str, tax_id: str = "") -> dict[str, Any]:
    return {"address_line1": street, "postcode": postcode, "city": city, "tax_id": tax_id}


def _member(person: Person, organization: Organization) -> None:
    add_member(organization=organization, user=_user(person), role=Membership.Role.ADMINISTRATOR)


def _user(person: Person, **facts: bool) -> User:
    found = User.objects.filter(email=person.email).first()
    names = {"first_name": person.first_name, "last_name": person.last_name}
    return found or User.objects.create_user(person.email, PASSWORD, **names, **facts)
