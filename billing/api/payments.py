"""Payments, and the statement of account: what one buyer was invoiced, credited and paid, and what it owed before and after."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, TextChoices
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization, local_date
from billing.api.sides import LONGEST_NUMBER, PartySerializer, as_it_is, on_side, role_field, role_of
from billing.models import Payment, PaymentAllocation
from billing.queries.statements import AccountStatement, Kind, Line, account_statement, buyers_of, sellers_to
from common import clock
from common.api import DaysQuery, DaysSerializer, MoneySerializer, NewestFirst, PageSerializer, asked, money
from common.periods import add_months


class MovementKind(TextChoices):
    """What moves an account."""

    INVOICE = "invoice", "Invoice"
    CREDIT_NOTE = "credit_note", "Credit note"
    PAYMENT = "payment", "Payment"
    TAKEN_BACK = "payment_taken_back", "Payment taken back"


_KINDS = {
    Kind.INVOICE: MovementKind.INVOICE,
    Kind.CREDIT_NOTE: MovementKind.CREDIT_NOTE,
    Kind.PAYMENT: MovementKind.PAYMENT,
    Kind.TAKEN_BACK: MovementKind.TAKEN_BACK,
}

# --- What comes in --------------------------------------------------------------------------------------------------------


class PaymentsQuery(DaysQuery):
    """Which payments."""

    days_of = " of receipt"

    role = role_field()


class StatementQuery(DaysQuery):
    """Whose account, in which currency, and which days of it."""

    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, help_text="ISO 4217. Without it, the buyer's own.")
    customer = serializers.CharField(
        required=False, max_length=LONGEST_NUMBER, help_text="The number of a customer of yours, if you are a reseller."
    )
    seller = serializers.CharField(
        required=False, max_length=LONGEST_NUMBER, help_text="The number of a seller you once had, where it is not today's."
    )

    def get_fields(self) -> dict[str, Any]:
        """It is one answer, not a list of pages."""
        return {name: field for name, field in super().get_fields().items() if name not in ("cursor", "page_size")}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "customer" in attrs and "seller" in attrs:
            raise ValidationError({"seller": ["Name a customer or a seller, not both."]}, code="invalid")
        return super().validate(attrs)


# --- What goes out --------------------------------------------------------------------------------------------------------


class AllocationSerializer(serializers.Serializer[Any]):
    """What of a payment pays one invoice."""

    invoice = serializers.CharField(help_text="The number of the invoice.")
    amount = MoneySerializer()


class PaymentSerializer(serializers.Serializer[Any]):
    """Money that came in, or the credit from an invoice below nothing."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=["bought", "sold"], help_text="bought: you paid. sold: you were paid.")
    seller = PartySerializer(help_text="Who was paid.")
    buyer = PartySerializer(help_text="Who paid.")
    received_on = serializers.DateField()
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    reference = serializers.CharField(help_text="What the payer wrote; may be empty.")
    amount = MoneySerializer()
    credit_left = MoneySerializer(help_text="What pays no invoice yet, and is kept for the next ones.")
    taken_back_on = serializers.DateField(allow_null=True, help_text="Not null: it was a mistake or did not hold.")
    allocations = AllocationSerializer(many=True)


class PaymentPageSerializer(PageSerializer):
    results = PaymentSerializer(many=True)


class MovementSerializer(serializers.Serializer[Any]):
    """One thing that moved the account."""

    day = serializers.DateField()
    kind = serializers.ChoiceField(choices=MovementKind.choices)
    document = serializers.CharField(help_text="The number of the invoice or credit note; empty of payments.")
    words = serializers.CharField()
    amount = MoneySerializer(help_text="What is owed by it; below nothing, what it lowers that by.")
    balance = MoneySerializer(help_text="What was owed after it; below nothing, a credit.")


class StatementSerializer(serializers.Serializer[Any]):
    """The account of a buyer with its seller in one currency."""

    seller = PartySerializer()
    buyer = PartySerializer()
    currency = serializers.CharField(help_text="ISO 4217.")
    period = DaysSerializer(help_text="Days of the seller's.")
    opening = MoneySerializer(help_text="What was owed before the first day; below nothing, a credit.")
    invoiced = MoneySerializer()
    credited = MoneySerializer()
    paid = MoneySerializer(help_text="What came in, less what was taken back.")
    closing = MoneySerializer(help_text="What was owed after the last day; below nothing, a credit.")
    movements = MovementSerializer(many=True)


# --- Views ------------------------------------------------------------------------------------------------------------------


class PaymentsView(ScopedView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="list_payments",
        summary="List payments",
        description="What your organization paid or, if you are a reseller, was paid by its customers; the newest first.",
        parameters=[PaymentsQuery],
        responses=PaymentPageSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(PaymentsQuery, request)
        found = on_side(Payment.objects.with_rest(), self.caller.organization, wanted["role"])
        named = {"from": "received_on__gte", "to": "received_on__lte"}
        found = found.filter(**{named[name]: value for name, value in wanted.items() if name in named})
        allocations = PaymentAllocation.objects.select_related("invoice").order_by("pk")
        found = found.select_related("seller", "buyer").prefetch_related(Prefetch("allocations", allocations))
        pages = NewestFirst()
        page = pages.paginate_queryset(found, request, self)
        told = [_payment(one, self.caller.organization) for one in page or []]
        return pages.get_paginated_response(PaymentSerializer(told, many=True).data)


class StatementView(ScopedView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="read_statement",
        summary="Read a statement of account",
        description=(
            "What your organization, or a customer of yours, was invoiced, credited and paid, with what it owed before, after each "
            "and in the end. Days are given from the first to the last, both included; without them it is the last three months."
        ),
        parameters=[StatementQuery],
        responses=StatementSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(StatementQuery, request)
        seller, buyer = _sides(self.caller.organization, wanted)
        first, last = _days(wanted, today=local_date(clock.now(), seller))
        currency = wanted.get("currency", buyer.currency)
        return Response(StatementSerializer(_statement(account_statement(seller, buyer, currency, first=first, last=last))).data)


def _sides(organization: Organization, wanted: dict[str, Any]) -> tuple[Organization, Organization]:
    """
    Return seller and buyer of the account.

    :raises ValidationError: the organization has no such customer, or never had such a seller.
    """
    if "customer" in wanted:
        return organization, _one_of(buyers_of(organization), wanted["customer"], "customer")
    sellers = sellers_to(organization)
    if "seller" in wanted:
        return _one_of(sellers, wanted["seller"], "seller"), organization
    own = next((one for one in sellers if one.pk == organization.parent_id), None)
    if own is None:
        raise ValidationError({"customer": ["Your organization buys from nobody. Name a customer."]}, code="required")
    return own, organization


def _one_of(organizations: Iterable[Organization], number: str, name: str) -> Organization:
    found = next((one for one in organizations if one.number == number), None)
    if found is None:
        raise ValidationError({name: [f"You have no {name} “{number}”."]}, code="unknown")
    return found


def _days(wanted: dict[str, Any], *, today: date) -> tuple[date, date]:
    """Return the days asked for; without them the running month and the two before it, as on the page."""
    last: date = wanted.get("to", today)
    return wanted.get("from", min(add_months(today.replace(day=1), -2), last)), last


# --- As it is told ------------------------------------------------------------------------------------------------------------


def _payment(payment: Any, reader: Organization) -> dict[str, Any]:
    taken_back = payment.reversed_at and local_date(payment.reversed_at, payment.seller)
    return {
        "id": payment.key,
        "role": role_of(payment, reader),
        "seller": as_it_is(payment.seller),
        "buyer": as_it_is(payment.buyer),
        "received_on": payment.received_on,
        "method": payment.method,
        "reference": payment.reference,
        "amount": money(payment.amount, payment.currency),
        "credit_left": money(payment.rest, payment.currency),
        "taken_back_on": taken_back,
        "allocations": [
            {"invoice": one.invoice.number, "amount": money(one.amount, payment.currency)} for one in payment.allocations.all()
        ],
    }


def _statement(found: AccountStatement) -> dict[str, Any]:
    def amount(of: Decimal) -> dict[str, str]:
        return money(of, found.currency)

    return {
        "seller": as_it_is(found.seller),
        "buyer": as_it_is(found.buyer),
        "currency": found.currency,
        "period": {"from": found.first, "to": found.last},
        "opening": amount(found.running.opening),
        "invoiced": amount(found.invoiced),
        "credited": amount(found.credited),
        "paid": amount(found.paid),
        "closing": amount(found.running.closing),
        "movements": [_movement(line, found.currency) for line in found.running.lines],
    }


def _movement(line: Line, currency: str) -> dict[str, Any]:
    moved = line.movement
    return {
        "day": moved.day,
        "kind": _KINDS[moved.kind],
        "document": moved.document,
        "words": moved.words,
        "amount": money(moved.amount, currency),
        "balance": money(line.balance, currency),
    }
