"""“Change prices” on the list of plans: it leads to the page of billing with the selected plans chosen."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from catalog.models import Plan


class PriceChangeAction:
    """Mixed into the pages of plans; seen by whoever may change prices in bulk."""

    actions = ("change_prices",)

    @admin.action(description="Change prices", permissions=["change_prices"])
    def change_prices(self, request: HttpRequest, plans: QuerySet[Plan]) -> HttpResponse:
        chosen = ",".join(str(pk) for pk in plans.order_by("pk").values_list("pk", flat=True))
        return redirect(f"{reverse('admin:billing_price_change')}?plans={chosen}")

    def has_change_prices_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_pricechange")
