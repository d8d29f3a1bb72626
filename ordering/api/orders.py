"""Placing orders, and reading how they stand."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import KEY_PARAMETER, IdempotentView
from accounts.models import ApiToken
from billing.api.sides import LONGEST_NUMBER
from catalog.models import Plan, Term
from common import clock
from common.api import DecimalText, NewestFirst, PageQuery, PageSerializer, Strict, asked
from ordering.api.consumers import consumer_of
from ordering.api.documents import OrderSerializer, WholeOrderSerializer, loaded, order_of, told
from ordering.api.refusals import REFUSALS, obeyed
from ordering.api.requests import address_of
from ordering.models import LARGEST_QUANTITY, Order, OrderLine, OrderQuerySet
from ordering.operations import direct_orders
from ordering.operations.direct_orders import Expected, Placer, Wanted
from provisioning.models import FileSyncModel, ProtectionModel

MOST_LINES = 20
MOST_TERMS = 20
LARGEST_ID = 2**63 - 1

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
        required=False,
        default=list,
        max_length=MOST_TERMS,
        help_text="The ids of the terms of use that the buyer accepts: the newest of each, as /api/v1/terms tells them. Left out "
        "by a token of the MSP, which accepts nothing in its customers' name; else needed.",
    )
    login = serializers.CharField(
        required=False,
        max_length=200,
        help_text="The user name of the consumer's first user at Acronis. Needed, and looked at, only where there is no user yet.",
    )
    email = serializers.CharField(required=False, max_length=254, help_text="Of that user, for the activation mail.")
    purchase_order = serializers.CharField(required=False, max_length=50, allow_blank=True, help_text="Your reference.")


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
        page = pages.paginate_queryset(_narrowed(loaded(self.caller.organization), wanted), request, self)
        rows = [order_of(one, self.caller.organization, request) for one in page or []]
        return pages.get_paginated_response(OrderSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="place_order",
        summary="Place an order",
        description=(
            "Orders new services by the same rules as the storefront: a reseller for one of its customers, a customer for itself; "
            "one subscription for each consumer and service manager. A refusal names the field and orders nothing. The order is "
            "carried out by itself unless it is held for an approval or a credit limit, is to be paid first, or the organization "
            "has its orders executed by hand; its status says so, and webhooks tell how it goes on. What a token of the MSP orders "
            "for a customer waits for its execution. No terms are accepted with it, as with none that staff place in the back "
            "office: the order keeps which token placed it, and the buyer is asked for the terms when it next orders itself."
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
        order = obeyed(
            lambda: direct_orders.place_order(
                key=key,
                placer=Placer(self.caller.organization, self.caller.token, self.caller.person, address_of(request)),
                consumer=consumer_of(self.caller.organization, wish.get("consumer")),
                lines=_lines(wish["lines"]),
                login=wish.get("login", ""),
                email=wish.get("email", ""),
                accepted_terms=wish["accepted_terms"],
                purchase_order=wish.get("purchase_order", ""),
                at=clock.now(),
            )
        )
        return told(order.number, self.caller.organization, request, status=HTTPStatus.CREATED)


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
        return told(number, self.caller.organization, request)


# --- Which ------------------------------------------------------------------------------------------------------------------


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


# --- As the operation takes it ----------------------------------------------------------------------------------------------


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
