"""How allauth behaves in this house."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in and passwords are allauth's; signing up is ours (`/sign-up/`), because it also makes an organization."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Keep allauth's own page shut: a person it made would act for nobody. The page points to ours."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Staff begin in the BSS, everybody else in the storefront."""
        return reverse("admin:index") if request.user.is_staff else reverse(settings.LOGIN_REDIRECT_URL)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keeps the secrets of second factors encrypted with the same keys as every other secret."""

    def encrypt(self, text: str) -> str:
        return str(_cipher().encrypt(text.encode()).decode())

    def decrypt(self, encrypted_text: str) -> str:
        return str(_cipher().decrypt(encrypted_text.encode()).decode())


def _cipher():
    from encrypted_fields.fields import EncryptedFieldMixin

    return EncryptedFieldMixin().f
