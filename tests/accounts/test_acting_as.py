"""Acting as a customer: who may, how it ends, what the session keeps, and what is closed meanwhile."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db.utils import ProgrammingError
from django.urls import get_resolver, reverse

from accounts import operations
from accounts.acting_as import closed_because
from accounts.models import ActingAs, Membership, Organization
from common.errors import FieldRefused
from tests import factories
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
HOME = "/organization/"
STOP = "/acting-as/stop/"
REASON = {"reason": "Ticket 4711"}


@pytest.fixture(autouse=True)
def clock_stands():
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


def begin_url(organization, back=""):
    return f"{reverse('admin:accounts_actingas_begin')}?organization={organization.number}&back={back}"


def acting(personas: Personas, person: str = "dora", organization: Organization | None = None, back: str = ""):
    """Return mira's browser while she acts as ``person``, by the page of the BSS."""
    client = personas.client("mira")
    url = begin_url(organization or personas.direct_customer, back)
    response = client.post(url, {"person": getattr(personas, person).pk, **REASON})
    assert response.status_code == 302, response.content.decode()
    return client


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


# Who may


def begin(personas: Personas, **changed):
    facts = {"staff": personas.mira, "person": personas.dora, "organization": personas.direct_customer, "reason": "Ticket"}
    return operations.begin_acting_as(**{**facts, **changed}, address="192.0.2.7", at=AT)


def test_each_time_is_recorded_with_who_as_whom_for_whom_why_and_from_where(personas):
    row = begin(personas, reason="  Ticket 4711 ")

    assert (row.staff, row.person, row.organization) == (personas.mira, personas.dora, personas.direct_customer)
    assert (row.reason, row.address, row.began_at, row.ended_at) == ("Ticket 4711", "192.0.2.7", AT, None)


@pytest.mark.parametrize("who", ["staff", "superuser", "inactive", "no member", "of the MSP"])
def test_nobody_acts_as_staff_or_inactive_people_or_strangers(personas, who):
    person, organization = personas.dora, personas.direct_customer
    match who:
        case "staff":
            person.is_staff = True
        case "superuser":
            person.is_superuser = True
        case "inactive":
            person.is_active = False
        case "no member":
            organization = personas.reseller
        case "of the MSP":
            organization = personas.msp
            factories.MembershipFactory(user=person, organization=organization)
    person.save()

    with pytest.raises(operations.MayNotActAs, match="nobody you could act as"):
        begin(personas, organization=organization)
    assert not ActingAs.objects.exists()


@pytest.mark.parametrize("staff", ["bert", "alice", "stranger"])
def test_who_lacks_the_permission_is_refused(personas, staff):
    with pytest.raises(operations.MayNotActAs, match="You may not act as customers"):
        begin(personas, staff=getattr(personas, staff))


def test_a_reason_is_asked_for(personas):
    with pytest.raises(FieldRefused, match="Say why"):
        begin(personas, reason=" ")


def test_a_member_of_staff_acts_as_one_person_at_a_time(personas):
    first = begin(personas)

    second = begin(personas, person=personas.vic)

    first.refresh_from_db()
    assert first.ended_at == AT
    assert second.ended_at is None


def test_the_record_is_never_changed_but_for_its_end_and_never_deleted(personas):
    row = begin(personas)
    operations.end_acting_as(acting_as_id=row.pk, at=AT + timedelta(minutes=5))
    operations.end_acting_as(acting_as_id=row.pk, at=AT + timedelta(minutes=9))

    row.refresh_from_db()
    assert row.ended_at == AT + timedelta(minutes=5)
    with pytest.raises(ProgrammingError, match="Cannot update"):
        ActingAs.objects.filter(pk=row.pk).update(reason="another")


def test_an_end_noticed_later_is_written_as_the_end_of_the_hour(personas):
    row = begin(personas)

    operations.end_acting_as(acting_as_id=row.pk, at=AT + timedelta(days=2))

    row.refresh_from_db()
    assert row.ended_at == AT + timedelta(hours=1)


# In the storefront


def test_staff_are_in_the_storefront_as_the_person_and_every_page_says_so(personas):
    client = acting(personas)

    for path in (HOME, "/", "/orders/", "/nothing/here/"):
        page = words(client.get(path))
        assert "You, Mira" in page, path
        assert f"act as {personas.dora} for Dora Design. Everything you do is recorded." in page, path
    assert "Two-factor sign-in" not in words(client.get(HOME))


def test_nobody_else_sees_a_banner(personas):
    acting(personas)

    assert "Everything you do is recorded" not in words(personas.client("dora").get(HOME))


def test_stopping_leads_back_to_the_page_of_the_bss_and_leaves_the_staff_signed_in(personas):
    back = reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk])
    client = acting(personas, back=back)

    response = client.post(STOP)

    assert response["Location"] == back
    assert client.get(back).status_code == 200
    assert client.get(HOME).status_code == 403  # staff act for no organization
    assert ActingAs.objects.get().ended_at == AT


def test_stopping_leads_to_no_other_host(personas):
    for back in ("https://evil.example/bss/", "//evil.example", "/orders/"):
        client = acting(personas, back=back)

        assert client.post(STOP)["Location"] == reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk])


def test_the_sessions_key_changes_both_ways_and_what_lay_in_it_comes_back(personas):
    client = personas.client("mira")
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa"}]
    session.save()
    keys = [client.session.session_key]
    client.post(begin_url(personas.direct_customer), {"person": personas.dora.pk, **REASON})
    keys.append(client.session.session_key)
    meanwhile = dict(client.session.items())
    session = client.session
    session["left_by_the_storefront"] = "a basket"
    session.save()

    client.post(STOP)

    keys.append(client.session.session_key)
    assert len(set(keys)) == 3
    assert "account_authentication_methods" not in meanwhile
    assert client.session["account_authentication_methods"] == [{"method": "mfa"}]
    assert "left_by_the_storefront" not in client.session


def test_in_the_back_office_staff_stay_themselves_and_see_that_they_act(personas):
    client = acting(personas)

    page = client.get(reverse("admin:accounts_organization_changelist"))

    assert page.status_code == 200
    assert "Acting as Dora" in words(page)


def test_a_second_factor_is_still_asked_for_at_the_back_office(personas, settings):
    client = acting(personas)
    settings.STAFF_MFA_REQUIRED = True

    assert client.get(reverse("admin:index"))["Location"] == reverse("mfa_activate_totp")
    assert client.get(HOME).status_code == 200


def test_acting_is_not_nested(personas):
    client = acting(personas)

    response = client.post(begin_url(personas.reseller), {"person": personas.alice.pk, **REASON})

    assert "You act as somebody already" in words(response)
    assert ActingAs.objects.count() == 1


def test_a_person_of_two_organizations_stands_for_the_one_alone(personas):
    factories.MembershipFactory(user=personas.dora, organization=personas.reseller)
    client = acting(personas)

    page = words(client.get(HOME))
    elsewhere = client.post(f"/act-for/{personas.reseller.number}/")

    assert "Dora Design" in page
    assert "Change to" not in page
    assert elsewhere.status_code == 403
    assert "You act for Dora Design alone" in words(elsewhere)
    assert client.get(f"/customers/{personas.resellers_customer.number}/").status_code in (403, 404)


# How it ends


def ends(client, path=HOME, **headers):
    response = client.get(path, headers=headers)
    assert ActingAs.objects.get().ended_at is not None
    assert client.get(path).status_code != 200
    return response


def test_it_ends_by_itself_after_an_hour_and_what_was_asked_for_is_not_done(personas, clock_stands):
    client = acting(personas)
    clock_stands.move_to(AT + timedelta(minutes=59))
    assert client.get(HOME).status_code == 200
    clock_stands.move_to(AT + timedelta(minutes=61))

    response = client.post("/organization/edit/", {"name": "Renamed"}, follow=True)

    assert "it lasts an hour" in words(response)
    assert "Renamed" not in Organization.objects.values_list("name", flat=True)
    assert ActingAs.objects.get().ended_at == AT + timedelta(hours=1)


def test_a_fragment_asked_for_too_late_leads_the_whole_page_away(personas, clock_stands):
    client = acting(personas)
    clock_stands.move_to(AT + timedelta(hours=2))

    response = ends(client, **{"HX-Request": "true"})

    assert response["HX-Redirect"] == reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk])


@pytest.mark.parametrize(
    "what", ["membership", "person inactive", "person staff", "permission", "staff inactive", "began elsewhere"]
)
def test_it_ends_with_the_ground_it_stands_on(personas, what):
    client = acting(personas)
    match what:
        case "membership":
            Membership.objects.filter(user=personas.dora).delete()
        case "person inactive":
            type(personas.dora).objects.filter(pk=personas.dora.pk).update(is_active=False)
        case "person staff":
            type(personas.dora).objects.filter(pk=personas.dora.pk).update(is_staff=True)
        case "permission":
            group = personas.mira.groups.get()
            group.permissions.remove(Permission.objects.get(codename="act_as_customer"))
        case "staff inactive":
            type(personas.mira).objects.filter(pk=personas.mira.pk).update(is_active=False)
        case "began elsewhere":
            operations.end_acting_as(acting_as_id=ActingAs.objects.get().pk, at=AT)

    assert ends(client).status_code == 302


@pytest.mark.parametrize("door", ["/accounts/logout/", "/bss/logout/"])
def test_signing_out_ends_it(personas, door):
    client = acting(personas)

    client.post(door)

    assert ActingAs.objects.get().ended_at == AT
    assert client.get(HOME).status_code == 302


def test_stopped_in_one_tab_the_other_does_nothing_any_more(personas):
    client = acting(personas)
    client.post(STOP)

    again = client.post(STOP)

    assert again["Location"] == reverse("admin:index")
    assert client.post("/organization/edit/", {"name": "Renamed"}).status_code == 403


@pytest.mark.parametrize(("person", "answer"), [("nobody", 302), ("dora", 404), ("stranger", 404), ("mira", 302)])
def test_only_staff_find_the_way_out(personas, person, answer):
    assert personas.client(person).post(STOP).status_code == answer


# What is closed


PERSONAL = ("password", "account_email", "mfa", "token", "webhook", "people", "invit", "member")


def personal_doors():
    resolver = get_resolver()
    names = {
        f"{namespace}:{name}" if namespace else name
        for namespace, (_, inner) in [("", ("", resolver)), *resolver.namespace_dict.items()]
        for name in inner.reverse_dict
        if isinstance(name, str)
    }
    return sorted(name for name in names if not name.startswith("admin:") and any(word in name for word in PERSONAL))


def test_every_page_of_sign_in_people_and_programs_is_closed_meanwhile(personas):
    row = begin(personas)
    personas.mira.groups.clear()

    still_open = {name for name in personal_doors() if not closed_because(ActingAs.objects.get(pk=row.pk), name)}

    assert {"accounts:tokens", "accounts:people", "mfa_index", "account_change_password", "billing:show_password"} <= set(
        personal_doors()
    )
    assert still_open == set()


@pytest.mark.parametrize(
    "path",
    ["/accounts/password/change/", "/accounts/email/", "/accounts/2fa/", "/organization/api-tokens/", "/organization/people/"],
)
def test_a_closed_page_says_why(personas, path):
    response = acting(personas).get(path)

    assert response.status_code == 403
    assert f"Only {personas.dora} does this." in words(response)


def test_the_same_pages_are_open_to_the_person(personas):
    client = personas.client("dora")

    assert client.get("/organization/people/").status_code == 200
    assert client.get("/organization/api-tokens/").status_code == 200


@pytest.mark.parametrize(("name", "permission"), [("open_panel", "open_panel"), ("show_password", "show_password")])
def test_panel_and_password_are_open_to_staff_who_may_open_them_in_the_back_office(personas, name, permission):
    row = begin(personas)
    open_to_her = closed_because(row, f"billing:{name}")
    personas.mira.groups.get().permissions.remove(Permission.objects.get(codename=permission))

    assert open_to_her == ""
    assert "You may not" in closed_because(ActingAs.objects.get(pk=row.pk), f"billing:{name}")
