"""Changes of a running service by a program: what one would cost, ordering it at that quote, and taking a planned end back."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import KEY_PARAMETER, IdempotentView
from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from billing.api.sides import LONGEST_NUMBER
from billing.models import Subscription
from billing.queries.sides import services_of
from catalog.models import Plan, Term
from common import clock
from common.api import ErrorsSerializer, MoneySerializer, Strict, asked, money
from ordering.amendment_quotes import AmendmentQuote, EndCost
from ordering.amendment_terms import AmendmentWish, RunsUnder
from ordering.api.documents import OrderPriceSerializer, WholeOrderSerializer, told, unit_told
from ordering.api.refusals import REFUSALS, obeyed
from ordering.api.requests import address_of
from ordering.models import LARGEST_QUANTITY, Order, OrderLine
from ordering.operations import amendments
from ordering.queries import amendments as subject
from provisioning.models import FileSyncModel, ProtectionModel

LONGEST_FINGERPRINT = 64
KINDS = [choice for choice in OrderLine.Kind.choices if choice[0] != OrderLine.Kind.NEW]
TAKES: Mapping[str, tuple[str, frozenset[str]]] = {
    OrderLine.Kind.QUANTITY: ("quantity", frozenset({"quantity"})),
    OrderLine.Kind.PLAN: ("plan", frozenset({"plan", "quantity", "term_months", "protection_model", "file_sync_model"})),
    OrderLine.Kind.TERM: ("term_months", frozenset({"term_months"})),
    OrderLine.Kind.CANCEL: ("ends", frozenset({"ends"})),
}
"""Of each kind: the field without which it says nothing, and all that go with it."""

# --- What comes in --------------------------------------------------------------------------------------------------------


class ChangeInput(Strict):
    """What is to be changed of a service; what is left out stays as it is."""

    kind = serializers.ChoiceField(choices=KINDS, help_text="One change at a time.")
    quantity = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_QUANTITY, help_text="Of quantity; of plan, where it is to change as well."
    )
    plan = serializers.CharField(required=False, max_length=LONGEST_NUMBER, help_text="Of plan: the number of the other plan.")
    term_months = serializers.ChoiceField(
        required=False, choices=Term.choices, help_text="Of term; of plan, where it is to change as well."
    )
    ends = serializers.ChoiceField(required=False, choices=OrderLine.Ends.choices, help_text="Of cancel: when it ends.")
    protection_model = serializers.ChoiceField(
        required=False, choices=ProtectionModel.choices, help_text="Of plan, pay-as-you-go only."
    )
    file_sync_model = serializers.ChoiceField(
        required=False, choices=FileSyncModel.choices, help_text="Of plan, pay-as-you-go only."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """:raises ValidationError: the kind lacks its field, or has one of another kind."""
        kind = attrs["kind"]
        needed, taken = TAKES[kind]
        if needed not in attrs:
            raise ValidationError({needed: [f"A change of the kind {kind} says this."]}, code="required")
        if strange := sorted(attrs.keys() & set().union(*(fields for _, fields in TAKES.values())) - taken):
            raise ValidationError({name: [f"This does not go with the kind {kind}."] for name in strange}, code="unknown")
        return attrs


class NewChange(ChangeInput):
    """A change, and the quote that is agreed to."""

    quote = serializers.CharField(max_length=LONGEST_FINGERPRINT, help_text="As the answer to /quote named it.")
    purchase_order = serializers.CharField(required=False, max_length=50, allow_blank=True, help_text="Your reference.")


# --- What goes out --------------------------------------------------------------------------------------------------------


class RunsUnderSerializer(serializers.Serializer[Any]):
    """What a service runs under."""

    plan = serializers.CharField(help_text="The plan's number.")
    plan_name = serializers.CharField()
    quantity = serializers.IntegerField()
    term_months = serializers.ChoiceField(choices=Term.choices)
    protection_model = serializers.ChoiceField(choices=ProtectionModel.choices)
    file_sync_model = serializers.ChoiceField(choices=FileSyncModel.choices)
    cost = OrderPriceSerializer(allow_null=True, help_text="What your side pays. Null: priced by use.")
    retail = OrderPriceSerializer(allow_null=True, help_text="Of a reseller: what its customer pays it. Null for everybody else.")


class QuoteRowSerializer(serializers.Serializer[Any]):
    """One thing that becomes another."""

    label = serializers.CharField(  # type: ignore[assignment]  # a field; the metaclass takes it away
        help_text="For example Cloud storage."
    )
    before = serializers.CharField(help_text="In words; empty where there was none.")
    after = serializers.CharField(help_text="In words; empty where there will be none.")


class QuotePartSerializer(serializers.Serializer[Any]):
    """Some days under one price."""

    words = serializers.CharField()
    amount = MoneySerializer()


class ChangeCostSerializer(serializers.Serializer[Any]):
    """What the change costs at one end of the sale, excluding VAT."""

    parts = QuotePartSerializer(many=True, help_text="How the running month or term is billed with the change.")
    more = MoneySerializer(help_text="What the running month or term costs more.")
    less = MoneySerializer(help_text="What of it is not charged, or given back.")
    due_now = MoneySerializer(help_text="Invoiced at once, and paid before the change is carried out: of prepaid plans.")
    credited = MoneySerializer(help_text="Given back of what was paid in advance.")
    overage_first = MoneySerializer(help_text="Used above the quota so far, and invoiced before the change. May go on growing.")
    next_invoice = MoneySerializer(help_text="What the next invoice says of the running month; zero where it is billed by use.")
    next_invoice_on = serializers.DateField(allow_null=True, help_text="From when on it is made. Null: none is, or it is prepaid.")


class QuoteSerializer(serializers.Serializer[Any]):
    """What a change would do and cost if it were carried out now. Nothing is ordered, nothing reserved."""

    quote = serializers.CharField(help_text="Sent with the order of the change. It is another one once anything of this is.")
    heading = serializers.CharField(help_text="What is asked for, in a few words.")
    first_day = serializers.DateField(help_text="The first under what is new; of cancel the first that is not served.")
    before = RunsUnderSerializer()
    after = RunsUnderSerializer(help_text="Of cancel the same as before.")
    changes = QuoteRowSerializer(many=True, help_text="What changes in words, quotas and prices too; empty of cancel.")
    cost = ChangeCostSerializer(allow_null=True, help_text="What your side pays. Null: priced by use.")
    retail = ChangeCostSerializer(allow_null=True, help_text="Of a reseller: what its customer pays it. Null for everybody else.")
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What is to be known before; may be empty.")


class KeptSerializer(serializers.Serializer[Any]):
    """A service that goes on."""

    service = serializers.CharField(help_text="The number of the subscription.")
    status = serializers.ChoiceField(choices=Subscription.Status.choices)
    cancels_on = serializers.DateField(
        allow_null=True, help_text="The first day it will not run any more. Null: no end is planned."
    )


EXAMPLE = OpenApiExample(
    "Two units instead of one",
    request_only=True,
    value={"kind": "quantity", "quantity": 2, "quote": "3f0c…", "purchase_order": "PO-2026-118"},
)


# --- Views ------------------------------------------------------------------------------------------------------------------


class QuoteChangeView(ScopedView):
    scopes = {"POST": ApiToken.Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="quote_change",
        summary="Quote a change of a service",
        description=(
            "What another quantity, plan or term, or the end of a service would cost now, by the same rules as the storefront: of "
            "your own services and, if you are a reseller, of your customers'. Less than what is in use is refused with the "
            "figures. Changes nothing, so it takes no Idempotency-Key."
        ),
        request=ChangeInput,
        responses={
            HTTPStatus.OK.value: QuoteSerializer,
            HTTPStatus.CONFLICT.value: ErrorsSerializer,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value: ErrorsSerializer,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE.value: ErrorsSerializer,
        },
    )
    def post(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        body = ChangeInput(data=request.data)
        body.is_valid(raise_exception=True)
        own = self.caller.organization
        subscription = _service(own, number)
        quote = obeyed(
            lambda: amendments.quote_amendment(
                subscription_id=subscription.pk, wish=_wish(subscription, body.validated_data, own), reader=own, at=clock.now()
            )
        )
        return Response(QuoteSerializer(_quote(quote, subscription, own)).data)


class ChangesView(IdempotentView):
    scopes = {"POST": ApiToken.Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="change_service",
        summary="Change a service",
        description=(
            "Orders a change at its quote or, where anything of that is another now, not at all: 409 with the code quote_changed; "
            "ask for a new quote then. One change of a service at a time. The order goes on as one for a new service does, and is "
            "read, cancelled and tried again under /api/v1/orders; what a token of the MSP orders waits for its execution."
        ),
        parameters=[KEY_PARAMETER],
        request=NewChange,
        responses={HTTPStatus.CREATED.value: WholeOrderSerializer, **REFUSALS},
        examples=[EXAMPLE],
    )
    def post(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        body = NewChange(data=request.data)
        body.is_valid(raise_exception=True)
        subscription = _service(self.caller.organization, number)
        return self.once(request, lambda key: self._placed(subscription, body.validated_data, key, request))

    def _placed(self, subscription: Subscription, wanted: dict[str, Any], key: UUID, request: Request) -> Response:
        own = self.caller.organization
        # Placed before, perhaps by a process that was killed: then what was wished for need not be possible any more.
        order = Order.objects.filter(key=key, lines__subscription=subscription).first()
        if order is None:
            order = obeyed(
                lambda: amendments.place_amendment(
                    subscription_id=subscription.pk,
                    wish=_wish(subscription, wanted, own),
                    quote_seen=wanted["quote"],
                    reader=own,
                    source=Order.Source.API,
                    key=key,
                    by=self.caller.person,
                    at=clock.now(),
                    address=address_of(request),
                    api_token=self.caller.token,
                    purchase_order=wanted.get("purchase_order", ""),
                )
            )
        return told(order.number, own, request, status=HTTPStatus.CREATED)


class KeepServiceView(IdempotentView):
    scopes = {"POST": ApiToken.Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="keep_service",
        summary="Take a cancellation back",
        description=(
            "Lets a service go on whose end was planned for the end of its term. Without a planned end, nothing happens; once its "
            "last day is over, it is refused with 409."
        ),
        parameters=[KEY_PARAMETER],
        request=None,
        responses={HTTPStatus.OK.value: KeptSerializer, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        body = Strict(data=request.data)
        body.is_valid(raise_exception=True)
        subscription = _service(self.caller.organization, number)
        return self.once(request, lambda key: self._kept(subscription))

    def _kept(self, subscription: Subscription) -> Response:
        kept = obeyed(
            lambda: amendments.take_back_cancellation(subscription_id=subscription.pk, by=self.caller.person, at=clock.now())
        )
        return Response(KeptSerializer({"service": kept.number, "status": kept.status, "cancels_on": kept.cancels_on}).data)


# --- Which ------------------------------------------------------------------------------------------------------------------


def _service(organization: Organization, number: str) -> Subscription:
    """
    Return the service of that number.

    :raises Http404: there is none, or it is neither the organization's nor a customer's of it; the MSP finds all.
    """
    services = Subscription.objects.all() if organization.kind == Organization.Kind.MSP else services_of(organization)
    related = services.select_related("consumer__parent", "plan__product_group", "service")
    if (found := related.filter(number=number).first()) is None:
        raise Http404
    return found


def _wish(subscription: Subscription, wanted: Mapping[str, Any], own: Organization) -> AmendmentWish:
    """:raises ValidationError: the plan is none that the service can be changed to; one that is not sold is as unknown as none."""
    facts = {name: wanted[name] for name in TAKES[wanted["kind"]][1] if name in wanted}
    if "plan" in facts:
        facts["plan"] = _plan(subscription, facts["plan"], own)
    return AmendmentWish(wanted["kind"], **facts)


def _plan(subscription: Subscription, number: str, own: Organization) -> Plan:
    buyer = subject.buyer_of(subscription, own)
    plan = subject.sold_plans(subscription, buyer, at=clock.now()).filter(number=number).first()
    if plan is None:
        raise ValidationError({"plan": [f"{subscription.plan_name} cannot be changed to a plan {number}."]}, code="unknown")
    return plan


# --- As it is told ------------------------------------------------------------------------------------------------------------


def _quote(quote: AmendmentQuote, subscription: Subscription, own: Organization) -> dict[str, Any]:
    return {
        "quote": quote.fingerprint,
        "heading": quote.heading,
        "first_day": quote.first_day,
        "before": _under(quote.before, subscription.plan, subscription, own),
        "after": _under(quote.after, quote.wish.plan or subscription.plan, subscription, own),
        "changes": [{"label": row.label, "before": row.before, "after": row.after} for row in quote.rows if row.has_changed],
        "cost": _cost(quote.own),
        "retail": _cost(quote.customer),
        "warnings": list(quote.warnings),
    }


def _under(under: RunsUnder, plan: Plan, subscription: Subscription, own: Organization) -> dict[str, Any]:
    cost = under.cost(subject.reader_level(subscription, own))
    return {
        "plan": plan.number,
        "plan_name": under.plan_name,
        "quantity": under.quantity,
        "term_months": under.term_months,
        "protection_model": under.protection_model,
        "file_sync_model": under.file_sync_model,
        "cost": None if cost is None else unit_told(cost.own),
        "retail": None if cost is None or cost.retail is None else unit_told(cost.retail),
    }


def _cost(cost: EndCost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    amounts = ("more", "less", "due_now", "credited", "overage_first", "next_invoice")
    return {
        "parts": [{"words": part.words, "amount": money(part.amount, cost.currency)} for part in cost.all_parts],
        **{name: money(getattr(cost, name), cost.currency) for name in amounts},
        "next_invoice_on": cost.next_invoice_on,
    }
