"""What a program may do with an order: execute it or try it again, cancel it, and as a reseller decide about it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import KEY_PARAMETER, IdempotentView
from accounts.models import ApiToken, Organization
from common import clock
from common.api import Strict, asked
from ordering.api.documents import WholeOrderSerializer, numbered, told
from ordering.api.refusals import REFUSALS, obeyed
from ordering.models import Order
from ordering.operations import gates, orders
from ordering.queries import cancelling


class Decline(Strict):
    """Why an order is declined."""

    reason = serializers.CharField(max_length=500, help_text="Your customer reads it.")


class _MoveView(IdempotentView, ABC):
    """One move of an order by POST; a subclass says who may make it, and makes it."""

    scopes = {"POST": ApiToken.Scope.ORDERS_WRITE}
    takes: type[Strict] = Strict

    def post(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        body = self.takes(data=request.data)
        body.is_valid(raise_exception=True)
        order = numbered(self.caller.organization, number)
        self.check(order)
        return self.once(request, lambda key: self._moved(order, body.validated_data, request))

    @abstractmethod
    def check(self, order: Order) -> None:
        """:raises PermissionDenied: the caller sees the order, but others make this move."""

    @abstractmethod
    def move(self, order: Order, wish: dict[str, Any]) -> None:
        """:raises DomainError: the order's state does not let it."""

    def _moved(self, order: Order, wish: dict[str, Any], request: Request) -> Response:
        obeyed(lambda: self.move(order, wish))
        return told(order.number, self.caller.organization, request)


def _documented(operation_id: str, summary: str, description: str) -> Callable[[type[_MoveView]], type[_MoveView]]:
    """Return a decorator that puts a move into the document of the API."""

    def decorate(view: type[_MoveView]) -> type[_MoveView]:
        told_of = extend_schema(
            operation_id=operation_id,
            summary=summary,
            description=description,
            parameters=[KEY_PARAMETER],
            request=None if view.takes is Strict else view.takes,
            responses={HTTPStatus.OK.value: WholeOrderSerializer, **REFUSALS},
        )
        return extend_schema_view(post=told_of)(view)

    return decorate


@_documented(
    "execute_order",
    "Execute an order",
    "Lets a failed order be tried again, or one that waits for its execution be carried out. The buyer tries again what "
    "failed, and executes what it ordered while its orders were executed by hand, once they are executed by themselves. "
    "What the MSP's staff entered, and what is executed by hand, only a token of the MSP executes. In progress or "
    "completed, nothing happens. A held order is refused with 409, and so is one with something missing.",
)
class ExecuteOrderView(_MoveView):
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


@_documented(
    "cancel_order",
    "Cancel an order",
    "Gives up an order that waits or failed. Its buyer does, and the reseller where its customer changes a service. What was begun "
    "at Acronis is deleted there, and what was invoiced for it is credited. In progress or completed, it is refused with 409. "
    "Cancelled before, nothing happens.",
)
class CancelOrderView(_MoveView):
    def check(self, order: Order) -> None:
        if not cancelling.may_cancel(order, self.caller.organization):
            raise PermissionDenied(cancelling.not_yours(order))

    def move(self, order: Order, wish: dict[str, Any]) -> None:
        because = cancelling.why_cancelled(order, self.caller.organization)
        orders.cancel_order(order_id=order.pk, by=self.caller.person, at=clock.now(), because=because)


class _DecisionView(_MoveView):
    def check(self, order: Order) -> None:
        own = self.caller.organization
        if own.kind != Organization.Kind.MSP and order.consumer.reseller != own:
            raise PermissionDenied("The reseller decides about its customers' orders.")


@_documented(
    "approve_order",
    "Approve an order",
    "For resellers: lets an order of a customer go on that waits for your approval. It may then be held for your own "
    "credit limit. Approved before, nothing happens; where it waits for something else, it is refused with 409.",
)
class ApproveOrderView(_DecisionView):
    def move(self, order: Order, wish: dict[str, Any]) -> None:
        gates.approve_order(order_id=order.pk, by=self.caller.person, at=clock.now())


@_documented(
    "decline_order",
    "Decline an order",
    "For resellers: cancels an order of a customer that waits for your approval, and mails it why. Declined or cancelled "
    "before, nothing happens; where it waits for something else, it is refused with 409.",
)
class DeclineOrderView(_DecisionView):
    takes = Decline

    def move(self, order: Order, wish: dict[str, Any]) -> None:
        gates.decline_order(order_id=order.pk, reason=wish["reason"], by=self.caller.person, at=clock.now())


def _check_buyer(order: Order, organization: Organization) -> None:
    if organization.kind != Organization.Kind.MSP and order.buyer_id != organization.pk:
        raise PermissionDenied(cancelling.not_yours(order))
