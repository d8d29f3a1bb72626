"""What a program asks before it orders: which terms of use are to be accepted, and whether a login is free."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from billing.api.sides import LONGEST_NUMBER
from catalog.api.plans import today
from catalog.models import Plan, TermsDocument
from common import clock
from common.api import ErrorsSerializer, Strict, asked
from common.errors import FieldRefused
from ordering.api.consumers import consumer_of
from ordering.operations import baskets
from ordering.operations.direct_orders import buyer_of
from ordering.queries import checkouts
from provisioning.operations.logins import LoginTaken


class TermsQuery(Strict):
    """Whose order it is about."""

    consumer = serializers.CharField(
        required=False, max_length=LONGEST_NUMBER, help_text="Of a token of the MSP: the number of the customer it orders for."
    )


class TermsSerializer(serializers.Serializer[Any]):
    """A version of terms of use."""

    id = serializers.IntegerField(help_text="What is sent with an order that accepts it.")
    title = serializers.CharField()
    version = serializers.CharField()
    issuer = serializers.ChoiceField(choices=TermsDocument.Issuer.choices, help_text="Whose terms they are.")
    summary = serializers.CharField(help_text="What is new in this version; may be empty.")
    text = serializers.CharField()
    published_at = serializers.DateTimeField()


class TermsListSerializer(serializers.Serializer[Any]):
    results = TermsSerializer(many=True, help_text="All there are; they come in one page.")


class TermsView(ScopedView):
    scopes = {"GET": ApiToken.Scope.ORDERS_READ}

    @extend_schema(
        operation_id="list_terms",
        summary="List terms of use",
        description=(
            "The newest version of each document that whoever orders accepts: the vendor's, and its seller's. A token of the MSP "
            "reads what a customer would accept, and cannot accept it."
        ),
        parameters=[TermsQuery],
        responses=TermsListSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(TermsQuery, request)
        buyer = self.caller.organization
        if "consumer" in wanted:
            buyer = buyer_of(buyer, consumer_of(buyer, wanted["consumer"]))
        return Response(TermsListSerializer({"results": checkouts.newest_terms(buyer, clock.now())}).data)


class LoginCheckInput(Strict):
    """A user name, and the plan it is for."""

    login = serializers.CharField(max_length=200, help_text="A name or an e-mail address.")
    plan = serializers.CharField(max_length=LONGEST_NUMBER, help_text="The number of the plan whose first user is to have it.")


class LoginCheckSerializer(serializers.Serializer[Any]):
    """Whether a login is free. Nothing is reserved: whoever orders first has it."""

    login = serializers.CharField(help_text="Without blanks around it.")
    available = serializers.BooleanField()
    because = serializers.CharField(help_text="Why it is not available, in a sentence; else empty.")
    checked = serializers.BooleanField(
        help_text="False: Acronis did not answer. It may be ordered with, and is checked again when the user is created."
    )
    suggestions = serializers.ListField(
        child=serializers.CharField(), help_text="Logins like it that are free. Empty unless it is taken, or if none was found."
    )


class LoginCheckView(ScopedView):
    scopes = {"POST": ApiToken.Scope.ORDERS_WRITE}

    @extend_schema(
        operation_id="check_login",
        summary="Check a login",
        description=(
            "Whether a user name is free at Acronis, for the first user of a customer. Changes nothing, so it takes no "
            "Idempotency-Key."
        ),
        request=LoginCheckInput,
        responses={200: LoginCheckSerializer, 413: ErrorsSerializer, 415: ErrorsSerializer},
    )
    def post(self, request: Request) -> Response:
        asked(Strict, request)
        body = LoginCheckInput(data=request.data)
        body.is_valid(raise_exception=True)
        plan = self._plan(body.validated_data["plan"])
        return Response(LoginCheckSerializer(_checked(body.validated_data["login"], plan)).data)

    def _plan(self, number: str) -> Plan:
        own = self.caller.organization
        plans = Plan.objects.all()
        if own.kind != Organization.Kind.MSP:
            plans = Plan.objects.for_sale_to(own, on=today(own))
        plan = plans.select_related("service_manager").filter(number=number).first()
        if plan is None or plan.service_manager is None:
            raise ValidationError({"plan": [f"There is no plan {number} for sale to {own}."]}, code="unknown")
        return plan


def _checked(login: str, plan: Plan) -> dict[str, Any]:
    managers = [plan.sold_through]
    told: dict[str, Any] = {"login": login, "available": True, "because": "", "checked": True, "suggestions": []}
    try:
        unanswered = baskets.check_login(service_managers=managers, login=login)
    except LoginTaken as refusal:
        suggestions = baskets.suggest_logins(service_managers=managers, login=login, consumer=None)
        return {**told, "available": False, "because": str(refusal), "suggestions": suggestions}
    except FieldRefused as refusal:
        return {**told, "available": False, "because": str(refusal)}
    return {**told, "checked": not unanswered}
