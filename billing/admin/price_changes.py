"""Prices changed in bulk: asked for, previewed, confirmed, and called off while there is time."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from billing.models import PriceChange, PriceChangeRow, SubscriptionPrice
from billing.operations import price_changes
from billing.price_change_forms import PriceChangeForm
from billing.queries import price_changes as queries
from billing.queries.price_changes import Preview
from catalog.pricing import Amounts
from common import clock
from common.bss import Ledger, Move, refuse, staff, today
from common.errors import DomainError
from common.templatetags.show import day, money, unit_price

CHANGE = "billing.add_pricechange"
SHOWN_MOVES = 500
SHOWN = 200
LEVELS = {"msp": "", "wholesale": "Wholesale", "retail": "Retail"}


@admin.register(PriceChange)
class PriceChangeAdmin(Ledger):
    page_template = "admin/billing/price_change.html"
    list_display = ("words", "state", "valid_from", "price_count", "moves_from", "move_count", "created_by", "created_at")
    list_before_template = "admin/billing/_price_change_tools.html"
    list_select_related = ("created_by",)
    search_fields = ("words", "rows__plan__name", "rows__plan__number__iexact", "moves__subscription__number__iexact")
    search_help_text = "Plan (name or number), or subscription's number"
    ordering = ("-pk",)
    moves = (Move("call_off", "Call off", CHANGE, lambda change: price_changes.is_open(change, today()), confirm="ask_call_off"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # Each counted by itself: joined to both, a change of 200 prices and 5,000 subscriptions would be a million rows.
        prices = PriceChangeRow.objects.filter(change=OuterRef("pk")).order_by().values("change")
        moved = SubscriptionPrice.objects.filter(change=OuterRef("pk")).order_by().values("change")
        counts = {
            "price_total": _counted(prices.annotate(total=Count("pk"))),
            "move_total": _counted(moved.annotate(total=Count("subscription", distinct=True))),
        }
        return super().get_queryset(request).annotate(**counts)

    @display(description="state", label={"planned": "info", "valid": "success", "called off": "default"})
    def state(self, change: PriceChange) -> tuple[str, str]:
        word = _state(change)
        return word, word

    @display(description="prices")
    def price_count(self, change: Any) -> int:
        return int(change.price_total)

    @display(description="subscriptions")
    def move_count(self, change: Any) -> int:
        return int(change.move_total)

    def get_urls(self) -> list[URLPattern]:
        return [path("new/", self.admin_site.admin_view(self.new_view), name="billing_price_change"), *super().get_urls()]

    def page_facts(self, request: HttpRequest, row: PriceChange) -> dict[str, Any]:
        moves = SubscriptionPrice.objects.filter(change=row).select_related("subscription__consumer", "subscription__plan")
        return {
            "change": row,
            "state": _state(row),
            "rows": [_changed(one) for one in row.rows.select_related("plan")[:SHOWN]],
            "row_total": row.rows.count(),
            "moved": [(one, LEVELS[one.level]) for one in moves.order_by("subscription", "level")[:SHOWN]],
            "move_total": moves.count(),
            "shown": SHOWN,
        }

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Ask what is to change (GET; ``plans`` chooses some), preview it, and do what was previewed."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        if request.method != "POST":
            chosen = [one for one in request.GET.get("plans", "").split(",") if one.isdecimal() and len(one) < 19]
            return self._form_page(request, PriceChangeForm(initial={"plans": chosen}, today=today()))
        form = PriceChangeForm(request.POST, today=today())
        if not form.is_valid() or request.POST.get("step") == "edit":
            return self._form_page(request, form)
        try:
            wish = form.wish()
            price_changes.check_days(wish, today())
            shown = queries.preview(wish, today=today())
            if request.POST.get("step") == "confirm":
                return self._confirm(request, form, shown)
        except price_changes.PreviewOutdated as refusal:
            return self._preview_page(request, form, shown, str(refusal))
        except DomainError as refusal:
            refuse(form, refusal)
            return self._form_page(request, form)
        return self._preview_page(request, form, shown)

    def _confirm(self, request: HttpRequest, form: PriceChangeForm, shown: Preview) -> HttpResponse:
        """Do what the page showed; which subscriptions were unticked on it is told by those that it had listed."""
        listed = {move.subscription.pk for move in shown.moved[:SHOWN_MOVES]}
        ticked = {int(one) for one in request.POST.getlist("move") if one.isdecimal() and len(one) < 19}
        change = price_changes.change_prices(
            wish=form.wish(left=frozenset(listed - ticked)),
            fingerprint=request.POST.get("fingerprint", ""),
            key=_key(request),
            today=today(),
            by=staff(request),
            at=clock.now(),
        )
        messages.success(request, f"{change}. {_will_be(change)}")
        return redirect(self.url_of(change))

    def _form_page(self, request: HttpRequest, form: PriceChangeForm) -> HttpResponse:
        return self.page(
            request,
            "admin/billing/price_change_new.html",
            title="Change prices",
            form=form,
            submit="Preview",
            back=self.list_url(),
        )

    def _preview_page(self, request: HttpRequest, form: PriceChangeForm, shown: Preview, problem: str = "") -> HttpResponse:
        moved = shown.moved
        wish = form.wish()
        return self.page(
            request,
            "admin/billing/price_change_preview.html",
            title="Preview: change prices",
            sent=list(form.sent()),
            wish=wish,
            words=wish.change.words(),
            preview=shown,
            key=uuid4(),
            rows=[(row, _told(row.old, row.currency), _told(row.new, row.currency)) for row in shown.rows],
            moves=[_move(move) for move in (moved if wish.moves_from else shown.moves)[:SHOWN_MOVES]],
            refused=[_move(move) for move in shown.moves if move.refusal][:SHOWN_MOVES] if wish.moves_from else [],
            more=max(len(moved if wish.moves_from else shown.moves) - SHOWN_MOVES, 0),
            confirm=_confirm_words(len(shown.changed_rows), len(moved)),
            problem=problem,
            form_url=reverse("admin:billing_price_change"),
        )

    def ask_call_off(self, request: HttpRequest, change: PriceChange) -> list[str]:
        told = [f"{change}, confirmed by {change.created_by or 'the system'}, is called off as far as it has not begun."]
        if change.moves_from is not None and today() < change.moves_from:
            told.append(f"Subscriptions that were to move on {day(change.moves_from)} keep the price they have.")
        if change.valid_from is not None and today() < change.valid_from:
            told.append(f"Prices planned from {day(change.valid_from)} are withdrawn; those of today stay valid.")
        elif change.valid_from is not None:
            told.append(f"The list prices stay: they are valid since {day(change.valid_from)}.")
        return told

    def call_off(self, request: HttpRequest, change: PriceChange) -> str:
        return price_changes.call_off(change_id=change.pk, today=today(), by=staff(request), at=clock.now())


def _counted(totals: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(totals.values("total")), 0)


def _state(change: PriceChange) -> str:
    if change.withdrawn_at is not None:
        return "called off"
    return "planned" if price_changes.is_open(change, today()) else "valid"


def _will_be(change: PriceChange) -> str:
    told = [f"New prices from {day(change.valid_from)}."] if change.valid_from else []
    if change.moves_from:
        told.append(f"Subscriptions move on {day(change.moves_from)}.")
    return " ".join(told)


def _key(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("key", ""))
    except ValueError:
        raise price_changes.PreviewOutdated("The preview was not sent with it. Look at it, then confirm.") from None


def _told(amounts: Amounts | None, currency: str) -> dict[str, str]:
    """Write a price as the tables show it; parts that there are none of are empty."""
    if amounts is None:
        return {"price": "none", "setup_fee": "", "overage_price": ""}
    overage = "" if amounts.overage_price is None else unit_price(amounts.overage_price, currency)
    return {
        "price": unit_price(amounts.price, currency),
        "setup_fee": unit_price(amounts.setup_fee, currency),
        "overage_price": overage,
    }


def _changed(row: Any) -> tuple[Any, dict[str, str], dict[str, str]]:
    old = Amounts(row.old_price, row.old_setup_fee, row.old_overage_price)
    new = Amounts(row.new_price, row.new_setup_fee, row.new_overage_price)
    return row, _told(old, row.currency), _told(new, row.currency)


def _move(move: queries.MoveRow) -> dict[str, Any]:
    """Tell one subscription as the preview shows it: per level what it is invoiced at, and would be."""
    prices = [
        {
            "level": LEVELS[price.new.level.value],
            "old": money(price.present.price, price.present.currency),
            "new": money(price.new.amounts.price, price.new.currency),
        }
        for price in move.prices
    ]
    return {"subscription": move.subscription, "prices": prices, "refusal": move.refusal}


def _confirm_words(prices: int, moves: int) -> str:
    told = f"Change {prices} price{'' if prices == 1 else 's'}"
    return f"{told} and move {moves} subscription{'' if moves == 1 else 's'}" if moves else told
