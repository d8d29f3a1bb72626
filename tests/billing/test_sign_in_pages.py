"""How people get in at the vendor from the page of their service: who may, what they see, and what reaches the vendor."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import reverse

from accounts.models import Membership
from billing.models import Subscription
from common import clock
from provisioning import vendor
from provisioning.models import Activation, Hold, TenantUser, VendorAccess, VendorAction
from provisioning.operations import converging, services
from tests import factories
from tests.billing.serving import person_of, served, subscribed
from tests.conftest import LocalAcronis, Personas

Working = Callable[..., AbstractContextManager[Any]]

# Address, method, and what is sent; nothing here asks the vendor before it is refused or merely written down.
DOORS: dict[str, tuple[str, str, dict[str, str]]] = {
    "page": ("service", "get", {}),
    "progress": ("progress", "get", {}),
    "panel": ("open_panel", "post", {}),
    "password": ("show_password", "post", {}),
    "ask reset": ("reset_password", "get", {}),
    "reset": ("reset_password", "post", {}),
    "update form": ("update_sign_in", "get", {}),
    "update": ("update_sign_in", "post", {"login": "x"}),
    "check login": ("check_login", "post", {"login": "x"}),
    "mail": ("ask_activation_mail", "post", {}),
}
LOOKS = {"page": 200, "progress": 302}
ACTS = {
    "panel": 302,
    "password": 302,
    "ask reset": 200,
    "reset": 302,
    "update form": 200,
    "update": 200,
    "check login": 200,
    "mail": 302,
}
PEOPLE: dict[str, dict[str, int]] = {
    "nobody": dict.fromkeys(DOORS, 302),
    "stranger": dict.fromkeys(DOORS, 403),
    "mira": dict.fromkeys(DOORS, 403),  # staff act from the back office
    "bob": dict.fromkeys(DOORS, 404),
    "dora": dict.fromkeys(DOORS, 404),
    "sibling": dict.fromkeys(DOORS, 404),
    "viewer": {**LOOKS, **dict.fromkeys(ACTS, 403)},
    "buyer": {**LOOKS, **ACTS},
    "carol": {**LOOKS, **ACTS},
    "alice": {**LOOKS, **ACTS},
    "alice's viewer": {**LOOKS, **dict.fromkeys(ACTS, 403)},
}


def url(name: str, subscription: Subscription) -> str:
    return reverse(f"billing:{name}", args=[subscription.number])


def text(response: HttpResponse) -> str:
    return response.content.decode()


@pytest.fixture
def direct(personas: Personas, acronis: LocalAcronis) -> Subscription:
    """Dora's service at the vendor; its user was sent the activation mail."""
    return served(acronis, personas.direct_customer)


@pytest.fixture
def with_password(personas: Personas, acronis: LocalAcronis) -> Subscription:
    """Dora's service at the vendor; its user got a generated password."""
    return served(acronis, personas.direct_customer, activation=Activation.PASSWORD)


@pytest.fixture
def working(django_capture_on_commit_callbacks: Any) -> Iterator[Working]:
    """Run what is rung when the block is over, as a worker would."""

    def run() -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = django_capture_on_commit_callbacks(execute=True)
        return block

    return run  # type: ignore[return-value]


# --- Who may -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", PEOPLE)
def test_each_door_lets_in_whom_it_should_and_nobody_else_changes_anything(personas: Personas, who: str) -> None:
    subscription = subscribed(personas.resellers_customer)
    before = rows_of(subscription)
    client = personas.client(name_of(personas, who))

    answers = {
        door: getattr(client, method)(url(name, subscription), sent).status_code for door, (name, method, sent) in DOORS.items()
    }

    assert answers == PEOPLE[who]
    assert (rows_of(subscription) != before) == (answers["reset"] == 302 and who != "nobody")
    assert not VendorAccess.objects.exists()


@pytest.mark.parametrize("door", ["open_panel", "show_password", "check_login", "ask_activation_mail"])
def test_what_acts_at_once_is_not_done_by_following_a_link(personas: Personas, door: str) -> None:
    subscription = subscribed(personas.direct_customer)

    assert personas.client("dora").get(url(door, subscription)).status_code == 405


@pytest.mark.parametrize("number", ["S0", "none", "S5000%00", "é", "'--"])
def test_an_unknown_number_is_not_found(personas: Personas, number: str) -> None:
    client = personas.client("dora")

    assert {client.post(f"/services/{number}/{path}/").status_code for path in ("panel", "password", "sign-in")} == {404}


def name_of(personas: Personas, who: str) -> str:
    """Make the people the house does not have, and return the attribute they are known by."""
    made = {
        "sibling": (factories.OrganizationFactory, Membership.Role.ADMINISTRATOR),
        "viewer": (personas.resellers_customer, Membership.Role.VIEWER),
        "buyer": (personas.resellers_customer, Membership.Role.BUYER),
        "alice's viewer": (personas.reseller, Membership.Role.VIEWER),
    }
    if who not in made:
        return who
    organization, role = made[who]
    if who == "sibling":
        organization = factories.OrganizationFactory(parent=personas.reseller)
    object.__setattr__(personas, "extra", factories.MembershipFactory(organization=organization, role=role).user)
    return "extra"


def rows_of(subscription: Subscription) -> list[Any]:
    tenant = subscription.service.tenant
    tenant.refresh_from_db()
    return [tenant.wished_at, *TenantUser.objects.filter(tenant=tenant).values_list()]


# --- The panel ------------------------------------------------------------------------------------------------------------------


def test_login_to_your_panel_leads_to_the_vendor_signed_in_and_leaves_no_trace_of_the_token(
    personas: Personas, acronis: LocalAcronis, direct: Subscription, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = personas.client("dora").post(url("open_panel", direct))

    token = parse_qs(urlsplit(response["Location"]).fragment)["ott"][0]
    assert response.status_code == 303
    assert response["Location"].startswith("http://acronis.test/api/2/idp/external-login#ott=")
    assert (response["Cache-Control"], response["Referrer-Policy"], response.content) == ("no-store", "no-referrer", b"")
    assert acronis.http.post("/api/2/idp/ott/login", json={"ott": token}).json["login"] == "jane.doe"
    assert token not in caplog.text
    kept = [list(model.objects.values()) for model in (VendorAccess, VendorAction, Session, TenantUser)]
    assert token not in str(kept)


def test_opened_twice_there_are_two_tokens_and_two_entries(personas: Personas, direct: Subscription) -> None:
    client = personas.client("dora")

    first, second = (client.post(url("open_panel", direct))["Location"] for _ in range(2))

    assert first != second
    assert VendorAccess.objects.filter(kind="panel_opened", person=personas.dora).count() == 2
    assert text(client.get(url("service", direct))).count("opened the panel") == 2


@pytest.mark.parametrize(("obstacle", "sentence"), [("hold", "is suspended, so Acronis lets nobody in"), ("down", "does not let")])
def test_a_closed_panel_is_a_sentence_on_the_service_page(
    personas: Personas, acronis: LocalAcronis, direct: Subscription, obstacle: str, sentence: str
) -> None:
    if obstacle == "hold":
        Hold.objects.create(tenant=direct.service.tenant, reason=Hold.Reason.MANUAL, opened_at=clock.now())
    else:
        acronis.fault(path=".*", status=503, times=100)
        vendor.forget_connections()

    response = personas.client("dora").post(url("open_panel", direct), follow=True)

    assert response.redirect_chain == [(url("service", direct), 302)]
    assert sentence in text(response)


def test_only_the_service_page_lets_its_forms_lead_to_the_vendor(personas: Personas, direct: Subscription) -> None:
    client = personas.client("dora")

    def targets(name: str, *args: str) -> str:
        policy = client.get(reverse(f"billing:{name}", args=args))["Content-Security-Policy"]
        return next(part.strip() for part in policy.split(";") if "form-action" in part)

    assert targets("service", direct.number) == "form-action 'self' http://acronis.test"
    assert targets("services") == "form-action 'self'"
    assert targets("update_sign_in", direct.number) == "form-action 'self'"


# --- The password -----------------------------------------------------------------------------------------------------------


def test_a_password_of_ours_is_shown_on_demand_and_each_time_is_on_the_page(
    personas: Personas, acronis: LocalAcronis, with_password: Subscription
) -> None:
    client = personas.client("dora")
    assert "Show password" in text(client.get(url("service", with_password)))

    page = client.post(url("show_password", with_password))
    fragment = client.post(url("show_password", with_password), headers={"HX-Request": "true"})

    password = person_of(with_password).password
    assert password in text(page)
    assert "<h1>Password of jane.doe</h1>" in text(page)
    assert password in text(fragment)
    assert "<html" not in text(fragment)
    assert all("no-store" in answer["Cache-Control"] for answer in (page, fragment))
    after = client.get(url("service", with_password))
    assert password not in text(after)
    assert text(after).count(f"{personas.dora} saw the password") == 2
    assert "no-store" in after["Cache-Control"]


def test_staff_who_act_as_the_customer_are_named_as_who_looked_and_need_the_permission_of_their_own(
    personas: Personas, acronis: LocalAcronis, with_password: Subscription
) -> None:
    client = personas.client("mira")
    begin = f"{reverse('admin:accounts_actingas_begin')}?organization={personas.direct_customer.number}"
    client.post(begin, {"person": personas.dora.pk, "reason": "Ticket 4711"})

    shown = client.post(url("show_password", with_password))
    personas.mira.groups.get().permissions.remove(Permission.objects.get(codename="show_password"))
    refused = client.post(url("show_password", with_password))

    assert person_of(with_password).password in text(shown)
    assert refused.status_code == 403
    assert "You may not see passwords of customers." in text(refused)
    assert VendorAccess.objects.get().person == personas.mira


def test_a_viewer_sees_that_there_is_a_password_and_no_button(personas: Personas, with_password: Subscription) -> None:
    shown = text(personas.client("vic").get(url("service", with_password)))

    assert "Set on" in shown
    assert not any(words in shown for words in ("Show password", "Reset password", "Login to your panel", "Update username"))


@pytest.mark.parametrize("htmx", [False, True])
def test_a_password_we_do_not_know_is_a_sentence(personas: Personas, direct: Subscription, htmx: bool) -> None:
    headers = {"HX-Request": "true"} if htmx else {}
    response = personas.client("dora").post(url("show_password", direct), headers=headers, follow=True)

    assert "it was set by the activation mail of Acronis" in text(response)
    assert not VendorAccess.objects.exists()


def test_a_reset_is_asked_first_then_reaches_the_vendor_and_the_last_of_two_counts(
    personas: Personas, acronis: LocalAcronis, direct: Subscription, working: Working
) -> None:
    client = personas.client("dora")
    assert "The present one stops working." in text(client.get(url("reset_password", direct)))
    assert person_of(direct).password is None

    with working():
        client.post(url("reset_password", direct))
        told = text(client.post(url("reset_password", direct), follow=True))

    assert "Acronis is told the new password of jane.doe" in told
    person = person_of(direct)
    assert person.tenant.agrees
    assert acronis.http.post("/mc/login", data={"login": "jane.doe", "password": person.password}).status_code in (302, 303)


# --- Username, e-mail, password of one's own ------------------------------------------------------------------------------


def test_a_new_username_and_password_reach_the_vendor(
    personas: Personas, acronis: LocalAcronis, direct: Subscription, working: Working
) -> None:
    client = personas.client("dora")
    sent = {"login": "jane.kern", "email": "jane@example.com", "password": "correct horse"}

    with working():
        told = text(client.post(url("update_sign_in", direct), sent, follow=True))

    assert "Acronis is told now: the login becomes jane.kern, the new password is set." in told
    assert "correct horse" not in told
    assert acronis.http.post("/mc/login", data={"login": "jane.kern", "password": "correct horse"}).status_code in (302, 303)


def test_saved_unchanged_nothing_is_told(personas: Personas, direct: Subscription) -> None:
    sent = {"login": "jane.doe", "email": "jane@example.com", "password": ""}

    told = text(personas.client("dora").post(url("update_sign_in", direct), sent, follow=True))

    assert "Nothing was different from before." in told
    assert person_of(direct).tenant.next_try_at is None


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"login": ""}, "id_login", "Enter a login user name."),
        ({"login": "ab"}, "id_login", "at least 3 characters"),
        ({"login": "jäne"}, "id_login", "unaccented letters"),
        ({"login": "jane\0doe"}, "id_login", "Null characters are not allowed."),
        ({"login": "j" * 5000}, "id_login", "at most 200 characters"),
        ({"login": "msp-admin"}, "id_login", "msp-admin is taken. Choose another."),
        ({"email": ""}, "id_email", "Enter an e-mail address like"),
        ({"email": "nobody"}, "id_email", "Enter an e-mail address like"),
        ({"email": "a\0@example.com"}, "id_email", "Enter an e-mail address like"),
        ({"password": "short"}, "id_password", "at least 9 characters"),
        ({"password": " correct horse"}, "id_password", "neither begins nor ends with a space"),
        ({"password": "x" * 129}, "id_password", "at most 128 characters"),
        ({"password": "long enough\0"}, "id_password", "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_nothing_changes(
    personas: Personas, direct: Subscription, changes: dict[str, str], field: str, sentence: str
) -> None:
    before = rows_of(direct)
    sent = {"login": "jane.kern", "email": "kern@example.com", "password": "correct horse", **changes}

    response = personas.client("dora").post(url("update_sign_in", direct), sent)

    shown = text(response)
    assert response.status_code == 200
    assert sentence in shown.partition(f'id="{field}_error">')[2].partition("</p>")[0]
    assert f'href="#{field}"' in shown
    assert "correct horse" not in shown
    assert rows_of(direct) == before


def test_the_live_check_answers_people_and_programs(personas: Personas, acronis: LocalAcronis, direct: Subscription) -> None:
    client = personas.client("dora")

    def asked(login: str, **headers: str) -> HttpResponse:
        return client.post(url("check_login", direct), {"login": login}, headers=headers)

    assert asked("jane.kern").json() == {
        "login": "jane.kern",
        "free": True,
        "sentence": "jane.kern is free.",
        "suggestions": [],
    }
    assert asked("msp-admin").json()["free"] is False
    assert asked("msp-admin").json()["suggestions"] == ["msp-admin.dora", "admin.msp", "m.admin"]
    assert asked("jane.doe").json()["sentence"] == "jane.doe is the login there is now."
    assert asked("").json()["sentence"] == "Enter a login user name."
    assert asked("jane\0").json()["free"] is False
    assert text(asked("jane.kern", **{"HX-Request": "true"})).startswith('<span class="pill pill-good">Free</span>')
    acronis.fault(path="/users/", status=503, times=100)
    assert asked("jane.kern").json()["free"] is None


def test_a_taken_username_comes_back_with_others_that_are_taken_up_without_script(
    personas: Personas, acronis: LocalAcronis, direct: Subscription
) -> None:
    client = personas.client("dora")

    refused = text(client.post(url("update_sign_in", direct), {"login": "msp-admin", "email": "jane@example.com"}))
    taken_up = text(client.post(url("update_sign_in", direct), {"login": "msp-admin", "use_login": "admin.msp"}))

    assert 'name="use_login" value="admin.msp"' in refused
    assert 'value="admin.msp"' in taken_up
    assert "There is a problem" not in taken_up
    assert person_of(direct).login == "jane.doe"


def test_a_silent_vendor_keeps_nobody_from_saving(
    personas: Personas, acronis: LocalAcronis, direct: Subscription, working: Working
) -> None:
    acronis.fault(path=".*", status=503, times=1000)
    vendor.forget_connections()

    with working():
        told = text(
            personas.client("dora").post(
                url("update_sign_in", direct), {"login": "jane.kern", "email": "jane@example.com"}, follow=True
            )
        )

    assert "could not tell whether jane.kern is free" in told
    person = person_of(direct)
    assert person.login == "jane.kern"
    shown = text(personas.client("dora").get(url("service", direct)))
    assert "We try again by ourselves at" in shown
    assert 'hx-trigger="every 15s"' in shown


def test_a_login_taken_meanwhile_is_told_with_the_way_out_and_corrected(
    personas: Personas, acronis: LocalAcronis, direct: Subscription, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = personas.client("dora")
    acronis.fault(path="/users/check_login", status=204, times=1)  # free, says the vendor; a moment later it is not
    with working():
        client.post(url("update_sign_in", direct), {"login": "msp-admin", "email": "jane@example.com"})
    shown = text(client.get(url("service", direct)))
    assert "The login msp-admin is taken at Acronis." in shown
    assert f'href="{url("update_sign_in", direct)}">change them and save again' in shown
    assert "hx-trigger" not in shown.partition('id="at-vendor"')[2].partition(">")[0]

    with working():
        client.post(url("update_sign_in", direct), {"login": "jane.doe", "email": "jane@example.com"})  # the old one, back

    assert person_of(direct).tenant.agrees
    assert "has not done what was asked" not in text(client.get(url("service", direct)))


# --- The activation mail ------------------------------------------------------------------------------------------------------


def test_the_activation_mail_is_sent_once_more_and_a_double_click_sends_no_third(
    personas: Personas, acronis: LocalAcronis, direct: Subscription, working: Working
) -> None:
    client = personas.client("dora")

    with working():
        first = text(client.post(url("ask_activation_mail", direct), follow=True))
    with working():
        second = text(client.post(url("ask_activation_mail", direct), follow=True))

    assert "asked Acronis to send the activation mail to jane@example.com once more" in first
    assert "Acronis has just sent the mail to jane@example.com" in second
    assert [mail["to"] for mail in acronis.seen("mails")] == ["jane@example.com"] * 2


def test_who_is_active_is_not_offered_the_activation_mail(personas: Personas, with_password: Subscription) -> None:
    client = personas.client("dora")

    assert "Send activation mail again" not in text(client.get(url("service", with_password)))
    refused = text(client.post(url("ask_activation_mail", with_password), follow=True))
    assert "is active at Acronis already. Reset the password instead." in refused


# --- What happens at the vendor, live -------------------------------------------------------------------------------------


def test_the_steps_are_followed_live_and_it_ends_by_itself(personas: Personas, acronis: LocalAcronis, direct: Subscription) -> None:
    client = personas.client("dora")
    client.post(url("reset_password", direct))
    htmx = {"HX-Request": "true"}

    moving = client.get(url("progress", direct), headers=htmx)
    converging.converge_due(direct.service.tenant_id, clock=clock.now)
    settled = client.get(url("progress", direct), headers=htmx)

    assert f'hx-get="{url("progress", direct)}" hx-trigger="every 1500ms"' in text(moving)
    assert "HX-Refresh" not in moving
    assert settled["HX-Refresh"] == "true"
    assert "hx-get" not in text(settled)
    assert client.get(url("progress", direct)).url == url("service", direct)


# --- After the end -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", [door for door in ACTS if DOORS[door][1] == "post" and door != "check login"])
def test_of_a_terminated_service_nothing_is_offered_and_nothing_changes(personas: Personas, door: str) -> None:
    subscription = subscribed(personas.direct_customer, password="correct horse", password_set_at=factories.AT)
    TenantUser.objects.update(vendor_id=factories.uuid4())
    services.terminate_service(service_id=subscription.service_id, at=factories.AT + timedelta(days=1))
    client = personas.client("dora")
    name, _, _ = DOORS[door]
    sent = {"login": "jane.doe", "email": "kern@example.com"} if door == "update" else {}
    before = rows_of(subscription)

    if door == "update":
        TenantUser.objects.update(login="jane.doe")
        before = rows_of(subscription)
        shown = text(client.post(url(name, subscription), sent))
    else:
        shown = text(client.post(url(name, subscription), sent, follow=True))

    assert "The service was terminated" in shown
    assert rows_of(subscription) == before
    page = text(client.get(url("service", subscription)))
    assert not any(words in page for words in ("Show password", "Reset password", "Login to your panel", "Send activation"))
