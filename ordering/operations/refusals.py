"""Why something cannot be ordered: every refusal is one sentence for the buyer, and where it can, it names the field."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from catalog.models import Plan
from common.errors import DomainError, FieldRefused
from ordering.models import Order
from ordering.queries import Step, login_is_known
from provisioning.operations import logins

QUANTITY_SENTENCE = "Pay-as-you-go products are ordered with quantity 1."
ONE_SUBSCRIPTION_SENTENCE = "Only one Acronis subscription is allowed per service manager."


class NotForSale(DomainError):
    """The plan is not, or no longer, sold to this buyer."""


class SecondSubscription(FieldRefused):
    """The consumer is served already, or would be served twice by this basket."""


class StepMissing(DomainError):
    """A step of the checkout has not been done; ``step`` says which."""

    def __init__(self, step: Step) -> None:
        super().__init__(f"“{step.heading}” is not complete yet.")
        self.step = step


class NotReady(DomainError):
    """The order does not say everything the vendor needs."""


# Steps: inside the caller's transaction


def check_quantity(plan: Plan, quantity: int) -> None:
    """:raises FieldRefused: pay-as-you-go is metered, so more than one of it means nothing."""
    if plan.billing_model == Plan.BillingModel.PAY_AS_YOU_GO and quantity != 1:
        raise FieldRefused("quantity", QUANTITY_SENTENCE)


def checked_email(email: str) -> str:
    """
    Return ``email`` without blanks around it.

    :raises FieldRefused: it is missing or is no e-mail address.
    """
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise FieldRefused("email", "Enter an e-mail address like jane.doe@example.com.") from None
    return email


def checked_login(login: str, service_manager_ids: list[int], *, but_for: Order | None = None) -> str:
    """
    Return ``login`` as the vendor takes it, if nobody we know of has it.

    :param but_for: the order that asks; its own lines and users do not count.
    :raises FieldRefused: it is missing, malformed, or taken by one of our users or orders.
    """
    login = logins.validate_login(login)
    if login_is_known(login, service_manager_ids, but_for=but_for):
        raise FieldRefused("login", f"{login} is taken. Choose another login user name.")
    return login
