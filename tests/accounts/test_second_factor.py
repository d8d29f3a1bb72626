"""Staff need a second factor; nobody else meets it."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from django.urls import reverse

from config.demo.visitor import one_time_code
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _required(settings):
    settings.STAFF_MFA_REQUIRED = True


def sign_in(user) -> tuple[Client, object]:
    client = Client()
    return client, client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})


def test_staff_without_one_are_sent_to_set_it_up_before_they_see_the_bss(personas):
    client = personas.client("mira")

    answer = client.get("/bss/")

    assert answer.status_code == 302
    assert answer.url == reverse("mfa_activate_totp")


def test_staff_with_one_are_asked_for_its_code_and_then_enter():
    user = UserFactory(is_staff=True, is_superuser=True)
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    client, answer = sign_in(user)
    assert answer.url.startswith(reverse("mfa_authenticate"))
    assert client.get("/bss/").status_code == 302  # the password alone opens nothing

    client.post(reverse("mfa_authenticate"), {"code": one_time_code(secret)})

    assert client.get("/bss/").status_code == 200


def test_a_wrong_code_opens_nothing():
    user = UserFactory(is_staff=True, is_superuser=True)
    TOTP.activate(user, generate_totp_secret())
    client, _ = sign_in(user)

    client.post(reverse("mfa_authenticate"), {"code": "000000"})

    assert client.get("/bss/").status_code == 302


def test_its_secret_is_encrypted_at_rest():
    user = UserFactory(is_staff=True)
    secret = generate_totp_secret()
    TOTP.activate(user, secret)

    stored = Authenticator.objects.get(user=user).data["secret"]

    assert secret not in stored


def test_customers_are_not_asked(personas):
    assert personas.client("dora").get("/").status_code == 200
