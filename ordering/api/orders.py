"""Placing orders, reading how they stand, and what a program may do with one: execute, cancel, and of a reseller decide."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import KEY_PARAMETER, IdempotentView
from accounts.models import ApiToken, Organization
from billing.api.sides import LONGEST_NUMBER
from catalog.models import Plan, Term
from common import clock
from common.api import DecimalText, ErrorsSerializer, NewestFirst, PageQuery, PageSerializer, Strict, asked
from common.errors import DomainError, FieldRefused
from ordering.api.consumers import consumer_of
from ordering.api.documents import OrderSerializer, WholeOrderSerializer, order_of, whole_order_of
from ordering.models import LARGEST_QUANTITY, Order, OrderLine, OrderQuerySet
from ordering.operations import direct_orders, gates, orders
from ordering.operations.direct_orders import Expected, Placer, Wanted
from provisioning.models import FileSyncModel, ProtectionModel

MOST_LINES = 20
MOST_TERMS = 20
LARGEST_ID = 2**63 - 1

T = TypeVar("T")

REFUSALS = {
    HTTPStatus.CONFLICT.value: ErrorsSerializer,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value: ErrorsSerializer,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE.value: ErrorsSerializer,
    HTTPStatus.UNPROCESSABLE_ENTITY.value: ErrorsSerializer,
}


class Refused(APIException):
    """What is asked for does not go with how things stand."""

    status_code = HTTPStatus.CONFLICT
    default_code = "refused"


# --- What comes in --------------------------------------------------------------------------------------------------------


class OrdersQuery(PageQuery):
    """Which orders."""

    status = serializers.ChoiceField(required=False, choices=Order.Status.choices)
    kind = serializers.ChoiceField(required=False, choices=OrderLine.Kind.choices, help_text="Orders with a line of this kind.")
    consumer = serializers.CharField(required=False, max_length=LONGEST_NUMBER, help_text="The number of who uses it.")
    number = serializers.CharField(required=False, max_length=LONGEST_NUMBER, help_text="The number of one order.")
    purchase_order = serializers.CharField(required=False, max_length=50, help_text="The buyer's reference, whole.")
    placed_after = serializers.DateTimeField(required=False, help_text="Itself included.")
    placed_before = serializers.DateTimeField(required=False, help_text="Itself not included.")


class ExpectedInput(Strict):
    """What you expect one unit to cost you, excluding VAT, as the prices of the plan tell it."""

    price = DecimalText(max_digits=17, decimal_places=3, required=False, help_text="For the whole term.")
    setup_fee = DecimalText(max_digits=17, decimal_places=3, required=False, help_text="Once.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217.")


class OrderLineInput(Strict):
    """One thing to be ordered."""

    plan = serializers.CharField(max_length=LONGEST_NUMBER, help_text="The plan's number.")
    quantity = serializers.IntegerField(required=False, default=1, min_value=1, max_value=LARGEST_QUANTITY)
    term_months = serializers.ChoiceField(required=False, default=Term.MONTH.value, choices=Term.choices)
    protection_model = serializers.ChoiceField(
        required=False, choices=ProtectionModel.choices, help_text="Of pay-as-you-go; a plan of fixed price has its own."
    )
    file_sync_model = serializers.ChoiceField(
        required=False, choices=FileSyncModel.choices, help_text="Of pay-as-you-go; a plan of fixed price has its own."
    )
    expected_price = ExpectedInput(
        required=False, help_text="Refuses the order where the plan of fixed price costs something else now. Left out: any price."
    )


class NewOrder(Strict):
    """What is to be ordered for whom."""

    consumer = serializers.CharField(
        required=False,
        max_length=LONGEST_NUMBER,
        help_text="The number of who will use it: of a reseller one of its customers. Left out: your own organization.",
    )
    lines: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=OrderLineInput(), min_length=1, max_length=MOST_LINES, help_text="At most one for each service manager."
    )
    accepted_terms = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        max_length=MOST_TERMS,
        help_text="The ids of the terms of use that the buyer accepts: the newest of each, as /api/v1/terms tells them.",
    )
    login = serializers.CharField(
        required=False,
        max_length=200,
        help_text="The user name of the consumer's first user at Acronis. Needed, and looked at, only where there is no user yet.",
    )
    email = serializers.CharField(required=False, max_length=254, help_text="Of that user, for the activation mail.")
    purchase_order = serializers.CharField(required=False, max_length=50, allow_blank=True, help_text="Your reference.")


class Decline(Strict):
    """Why an order is declined."""

    reason = serializers.CharField(max_length=500, help_text="Your customer reads it.")


# --- What goes out --------------------------------------------------------------------------------------------------------


class OrderPageSerializer(PageSerializer):
    results = OrderSerializer(many=True)


EXAMPLE = OpenApiExample(
    "A reseller orders for its customer",
    request_only=True,
    value={
        "consumer": "C10023",
        "lines": [
            {
                "plan": "P10004",
                "quantity": 2,
                "term_months": 12,
                "expected_price": {"price": "160.00", "setup_fee": "8.00", "currency": "EUR"},
            }
        ],
        "accepted_terms": [1, 4],
        "login": "jane.doe",
        "email": "jane.doe@example.com",
        "purchase_order": "PO-2026-117",
    },
)


# --- Views ------------------------------------------------------------------------------------------------------------------


class OrdersView(IdempotentView):
    scopes = {"GET": ApiToken.Scope.ORDERS_READ, "POST": ApiToken.Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="list_orders",
        summary="List orders",
        description="What your organization ordered or uses and, if you are a reseller, your customers; the newest first.",
        parameters=[OrdersQuery],
        responses=OrderPageSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(OrdersQuery, request)
        pages = NewestFirst()
        page = pages.paginate_queryset(_narrowed(_loaded(self.caller.organization), wanted), request, self)
        told = [order_of(one, self.caller.organization, request) for one in page or []]
        return pages.get_paginated_response(OrderSerializer(told, many=True).data)

    @extend_schema(
        operation_id="place_order",
        summary="Place an order",
        description=(
            "Orders new services by the same rules as the storefront: a reseller for one of its customers, a customer for itself; "
            "one subscription for each consumer and service manager. A refusal names the field and orders nothing. The order is "
            "carried out by itself unless it is held for an approval or a credit limit, is to be paid first, or the organization "
            "has its orders executed by hand; its status says so, and webhooks tell how it goes on. What a token of the MSP orders "
            "for a customer waits for its execution."
        ),
        parameters=[KEY_PARAMETER],
        request=NewOrder,
        responses={HTTPStatus.CREATED.value: WholeOrderSerializer, **REFUSALS},
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        asked(Strict, request)
        body = NewOrder(data=request.data)
        body.is_valid(raise_exception=True)
        return self.once(request, lambda key: self._placed(body.validated_data, key, request))

    def _placed(self, wish: dict[str, Any], key: UUID, request: Request) -> Response:
        order = _obeyed(
            lambda: direct_orders.place_order(
                key=key,
                placer=Placer(self.caller.organization, self.caller.token, self.caller.person, _address(request)),
                consumer=consumer_of(self.caller.organization, wish.get("consumer")),
                lines=_lines(wish["lines"]),
                login=wish.get("login", ""),
                email=wish.get("email", ""),
                accepted_terms=wish["accepted_terms"],
                purchase_order=wish.get("purchase_order", ""),
                at=clock.now(),
            )
        )
        return _told(order.number, self.caller.organization, request, status=HTTPStatus.CREATED)


class OrderView(IdempotentView):
    scopes = {"GET": ApiToken.Scope.ORDERS_READ}

    @extend_schema(
        operation_id="read_order",
        summary="Read an order",
        description="One order by its number: its lines, how far each has come, and what is paid before it is carried out.",
        responses=WholeOrderSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        return _told(number, self.caller.organization, request)


class _MoveView(IdempotentView):
    """One move of an order by POST; a subclass says who may make it, and makes it."""

    scopes = {"POST": ApiToken.Scope.ORDERS_WRITE}
    takes: type[Strict] = Strict

    def moved(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        body = self.takes(data=request.data)
        body.is_valid(raise_exception=True)
        order = numbered(self.caller.organization, number)
        self.check(order)
        return self.once(request, lambda key: self._moved(order, body.validated_data, request))

    def check(self, order: Order) -> None:
        """:raises PermissionDenied: the caller sees the order, but others make this move."""
        raise NotImplementedError

    def move(self, order: Order, wish: dict[str, Any]) -> None:
        """:raises DomainError: the order's state does not let it."""
        raise NotImplementedError

    def _moved(self, order: Order, wish: dict[str, Any], request: Request) -> Response:
        _obeyed(lambda: self.move(order, wish))
        return _told(order.number, self.caller.organization, request)


class ExecuteOrderView(_MoveView):
    @extend_schema(
        operation_id="execute_order",
        summary="Execute an order",
        description=(
            "Lets a failed order be tried again, or one that waits for its execution be carried out. The buyer tries again what "
            "failed, and executes what it ordered while its orders were executed by hand, once they are executed by themselves. "
            "What the MSP's staff entered, and what is executed by hand, only a token of the MSP executes. In progress or "
            "completed, nothing happens. A held order is refused with 409, and so is one with something missing."
        ),
        parameters=[KEY_PARAMETER],
        request=None,
        responses={HTTPStatus.OK.value: WholeOrderSerializer, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        return self.moved(request, number)

    def check(self, order: Order) -> None:
        _check_buyer(order, self.caller.organization)
        if self.caller.organization.kind == Organization.Kind.MSP or order.status != Order.Status.PLACED:
            return
        executes_itself = order.buyer.orders_execute_automatically and order.consumer.orders_execute_automatically
        if order.source == Order.Source.BSS or not executes_itself:
            raise PermissionDenied("Our staff execute this order.")

    def move(self, order: Order, wish: dict[str, Any]) -> None:
        move = orders.retry_order if order.status == Order.Status.FAILED else orders.execute_order
        move(order_id=order.pk, by=self.caller.person, at=clock.now())


class CancelOrderView(_MoveView):
    @extend_schema(
        operation_id="cancel_order",
        summary="Cancel an order",
        description=(
            "Gives up an order that waits or failed; only its buyer does. What was begun at Acronis is deleted there, and what was "
            "invoiced for it is credited. In progress or completed, it is refused with 409. Cancelled before, nothing happens."
        ),
        parameters=[KEY_PARAMETER],
        request=None,
        responses={HTTPStatus.OK.value: WholeOrderSerializer, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        return self.moved(request, number)

    def check(self, order: Order) -> None:
        _check_buyer(order, self.caller.organization)

    def move(self, order: Order, wish: dict[str, Any]) -> None:
        orders.cancel_order(order_id=order.pk, by=self.caller.person, at=clock.now())


class _DecisionView(_MoveView):
    def check(self, order: Order) -> None:
        own = self.caller.organization
        if own.kind != Organization.Kind.MSP and order.consumer.reseller != own:
            raise PermissionDenied("The reseller decides about its customers' orders.")


class ApproveOrderView(_DecisionView):
    @extend_schema(
        operation_id="approve_order",
        summary="Approve an order",
        description=(
            "For resellers: lets an order of a customer go on that waits for your approval. It may then be held for your own "
            "credit limit. Approved before, nothing happens; where it waits for something else, it is refused with 409."
        ),
        parameters=[KEY_PARAMETER],
        request=None,
        responses={HTTPStatus.OK.value: WholeOrderSerializer, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        return self.moved(request, number)

    def move(self, order: Order, wish: dict[str, Any]) -> None:
        gates.approve_order(order_id=order.pk, by=self.caller.person, at=clock.now())


class DeclineOrderView(_DecisionView):
    takes = Decline

    @extend_schema(
        operation_id="decline_order",
        summary="Decline an order",
        description=(
            "For resellers: cancels an order of a customer that waits for your approval, and mails it why. Declined or cancelled "
            "before, nothing happens; where it waits for something else, it is refused with 409."
        ),
        parameters=[KEY_PARAMETER],
        request=Decline,
        responses={HTTPStatus.OK.value: WholeOrderSerializer, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        return self.moved(request, number)

    def move(self, order: Order, wish: dict[str, Any]) -> None:
        gates.decline_order(order_id=order.pk, reason=wish["reason"], by=self.caller.person, at=clock.now())


# --- Which ------------------------------------------------------------------------------------------------------------------


def seen_by(organization: Organization) -> OrderQuerySet:
    """What ``organization`` ordered or uses, of a reseller also its customers; the MSP sees all, drafts too."""
    return Order.objects.all() if organization.kind == Organization.Kind.MSP else Order.objects.of(organization)


def numbered(organization: Organization, number: str) -> Order:
    """
    Return the order of that number.

    :raises Http404: there is none, or ``organization`` does not see it.
    """
    found = _loaded(organization).filter(number=number).first()
    if found is None:
        raise Http404
    return found


def _loaded(organization: Organization) -> OrderQuerySet:
    found = seen_by(organization).select_related("buyer", "consumer__parent")
    return found.prefetch_related("lines__plan", "lines__subscription")


def _narrowed(found: OrderQuerySet, wanted: dict[str, Any]) -> OrderQuerySet:
    fields = {
        "status": "status",
        "consumer": "consumer__number",
        "number": "number",
        "purchase_order": "purchase_order",
        "placed_after": "placed_at__gte",
        "placed_before": "placed_at__lt",
    }
    found = found.filter(**{field: wanted[name] for name, field in fields.items() if name in wanted})
    return found.filter(pk__in=OrderLine.objects.filter(kind=wanted["kind"]).values("order")) if "kind" in wanted else found


def _check_buyer(order: Order, organization: Organization) -> None:
    if organization.kind != Organization.Kind.MSP and order.buyer_id != organization.pk:
        raise PermissionDenied(f"{order.buyer} placed this order; only its buyers change it.")


# --- Between ----------------------------------------------------------------------------------------------------------------


def _told(number: str, reader: Organization, request: Request, *, status: int = HTTPStatus.OK) -> Response:
    """Answer with an order as it is now."""
    return Response(WholeOrderSerializer(whole_order_of(numbered(reader, number), reader, request)).data, status=status)


def _lines(wanted: list[dict[str, Any]]) -> list[Wanted]:
    plans = {plan.number: plan for plan in _plans({line["plan"] for line in wanted})}
    return [
        Wanted(
            plan_number=line["plan"],
            plan=plans.get(line["plan"]),
            quantity=line["quantity"],
            term_months=line["term_months"],
            protection_model=line.get("protection_model", ""),
            file_sync_model=line.get("file_sync_model", ""),
            expected=Expected(**line["expected_price"]) if "expected_price" in line else None,
        )
        for line in wanted
    ]


def _plans(numbers: set[str]) -> Any:
    return Plan.objects.defer(None).select_related("service_manager", "module_settings").filter(number__in=numbers)


def _address(request: Request) -> str:
    """The network address a request came from; which proxies are believed is decided in one place, allauth's settings."""
    return str(get_adapter(request._request).get_client_ip(request._request))


def _obeyed(use_case: Callable[[], T]) -> T:
    """
    Run ``use_case``, and turn its refusal into an error of this API.

    :raises ValidationError: of a field, by its place in the body.
    :raises Refused: of how things stand.
    """
    try:
        return use_case()
    except FieldRefused as refusal:
        raise ValidationError(_placed_in_body(refusal.field, str(refusal)), code="refused") from None
    except DomainError as refusal:
        raise Refused(str(refusal)) from None


def _placed_in_body(path: str, sentence: str) -> Any:
    """Return the error of a path such as ``lines.1.plan`` as Django REST framework nests it."""
    detail: Any = [sentence]
    for part in reversed(path.split(".")):
        detail = [{}] * int(part) + [detail] if part.isdigit() else {part: detail}
    return detail
