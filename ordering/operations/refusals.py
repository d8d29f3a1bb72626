"""Why something cannot be ordered: every refusal is one sentence for the buyer, and where it can, it names the field."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection

from accounts.models import User
from catalog.models import Plan, Term
from catalog.queries.offers import Offer
from common.errors import DomainError, FieldRefused
from ordering.models import LARGEST_QUANTITY, Order, largest_quantity
from ordering.queries.checkouts import Step, login_is_known
from provisioning.operations import logins

QUANTITY_SENTENCE = "Pay-as-you-go products are ordered with quantity 1."
ONE_OF_IT_SENTENCE = "This product is ordered with quantity 1."
HOW_MANY_SENTENCE = f"Enter a whole number from 1 to {LARGEST_QUANTITY:,}."
ONE_MONTH_SENTENCE = "Pay-as-you-go products are billed by the month; they have no other term."
ONE_SUBSCRIPTION_SENTENCE = "Only one Acronis subscription is allowed per service manager."


class NotForSale(DomainError):
    """The plan is not, or no longer, sold to this buyer."""


class SecondSubscription(FieldRefused):
    """The consumer is served already, or would be served twice by this basket."""


class PricesChanged(DomainError):
    """What the buyer agreed to is not what the basket costs now."""


class SettingsChanged(DomainError):
    """What is about to be ordered is not what its buyer last looked at: another tab changed it."""


class StepMissing(DomainError):
    """A step of the checkout has not been done; ``step`` says which."""

    def __init__(self, step: Step) -> None:
        super().__init__(f"“{step.heading}” is not complete yet.")
        self.step = step


class OnlyInPerson(DomainError):
    """Nobody does this in somebody else's name."""


class NotReady(DomainError):
    """The order does not say everything the vendor needs."""


# Steps: inside the caller's transaction


def check_quantity(plan: Plan, quantity: int) -> None:
    """
    :raises FieldRefused: more than one of what is metered or sold singly, or a number nobody can order.
    """
    if not 1 <= quantity <= largest_quantity(plan):
        raise FieldRefused("quantity", quantity_sentence(plan))


def check_accepts_in_person(person: User) -> None:
    """
    :raises OnlyInPerson: a member of staff acts as ``person``; terms of use bind whoever reads and accepts them.
    """
    if person.stands_for is not None:
        raise only_in_person(person)


def only_in_person(person: User) -> OnlyInPerson:
    words = f"Only {person} can accept the terms of use. Ask {person} to sign in and accept them; the basket stays as it is."
    return OnlyInPerson(words)


def quantity_sentence(plan: Plan) -> str:
    """Say which quantities of ``plan`` can be ordered."""
    if not plan.is_fixed:
        return QUANTITY_SENTENCE
    return HOW_MANY_SENTENCE if plan.quantity_is_enabled else ONE_OF_IT_SENTENCE


def check_term(plan: Plan, term_months: int, offers: Sequence[Offer]) -> None:
    """
    :param offers: the terms of ``plan`` that are sold to the buyer in its currency.
    :raises FieldRefused: the term is not among them; what is priced by use has one month.
    """
    if not plan.is_fixed:
        if term_months != Term.MONTH:
            raise FieldRefused("term_months", ONE_MONTH_SENTENCE)
        return
    sold = [offer.term_months for offer in offers]
    if term_months not in sold:
        words = f"{term_words(term_months)}." if term_months in Term.values else "that term."
        choices = " or ".join(term_words(months) for months in sold)
        raise FieldRefused("term_months", f"{plan} is not sold for {words}{f' Choose {choices}.' if choices else ''}")


def term_words(months: int) -> str:
    """Say a term: 1 month, 12 months."""
    return str(Term(months).label)


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
    Return ``login`` as the vendor takes it, if nobody we know of has it. Until the transaction ends nobody else is told so.

    :param but_for: the order that asks; its own lines and users do not count.
    :raises LoginTaken: one of our users or orders has it.
    :raises FieldRefused: it is missing or malformed.
    """
    login = logins.validate_login(login)
    with connection.cursor() as cursor:  # two orders for one login are judged one after the other: the second sees the first
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ordering.login ' || lower(%s), 0))", [login])
    if login_is_known(login, service_manager_ids, but_for=but_for):
        raise logins.LoginTaken(f"{login} is taken. Choose another login user name.")
    return login
