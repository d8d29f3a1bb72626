"""“Act as this customer” in the back office: its beginning, and the record of each time, which nobody edits."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.decorators import display

from accounts import acting_as, operations
from accounts.bss_forms import ActAsForm
from accounts.exports import acting_as_csv
from accounts.models import ActingAs, Membership, Organization, User
from accounts.queries.acting_as import MAY_ACT, candidates
from common import clock
from common.bss import Ledger, link, month_filter, refuse, staff
from common.errors import DomainError

SHOWN_THERE = 5
_COLOURS = {"going on": "warning", "over": "default"}


class StateFilter(admin.SimpleListFilter):
    """Times that go on now, and those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("going_on", "Going on"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ActingAs]) -> QuerySet[ActingAs]:
        going_on = ActingAs.objects.going_on(clock.now()).values("pk")
        match self.value():
            case "going_on":
                return queryset.filter(pk__in=going_on)
            case "over":
                return queryset.exclude(pk__in=going_on)
        return queryset


class StaffFilter(admin.SimpleListFilter):
    """Times by who acted."""

    title = "staff"
    parameter_name = "staff"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        acted = User.objects.filter(pk__in=ActingAs.objects.values("staff")).order_by("last_name", "first_name", "email")
        return [(str(user.pk), str(user)) for user in acted[:300]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ActingAs]) -> QuerySet[ActingAs]:
        chosen = str(self.value() or "")
        return queryset.filter(staff=int(chosen)) if chosen.isascii() and chosen.isdecimal() and len(chosen) <= 18 else queryset


def latest_of(request: HttpRequest, organization: Organization) -> list[ActingAs]:
    """Return the latest times in which staff acted for ``organization``, for its page; none where these staff may not see them."""
    if not request.user.has_perm("accounts.view_actingas"):
        return []
    rows = ActingAs.objects.filter(organization=organization).select_related("staff", "person").order_by("-pk")[:SHOWN_THERE]
    now = clock.now()
    for row in rows:
        row.over_at = row.until(now)  # type: ignore[attr-defined]
    return list(rows)


@admin.register(ActingAs)
class ActingAsAdmin(Ledger):
    """Who acted as which customer, when, from where and why."""

    list_display = ("began_at", "staff", "person", "organization", "reason", "address", "over_at", "state_label")
    list_select_related = ("staff", "person", "organization")
    list_filter = (StateFilter, StaffFilter, month_filter("began_at"))
    list_before_template = "admin/accounts/_acting_as_tools.html"
    search_fields = (
        "staff__email",
        "staff__last_name",
        "person__email",
        "person__last_name",
        "organization__number__iexact",
        "organization__name",
        "reason",
    )
    search_help_text = "E-mail or last name of either, the organization's number or name, or the reason"
    ordering = ("-pk",)
    fields = readonly_fields = (
        "staff",
        "person",
        "organization_link",
        "reason",
        "address",
        "began_at",
        "over_at",
        "state_label",
    )

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("begin/", own(self.begin_view), name=self.url_name("begin")),
            path("export/", own(self.export_view), name=self.url_name("export")),
            *super().get_urls(),
        ]

    @display(description="over", ordering="ended_at")
    def over_at(self, row: ActingAs) -> Any:
        return row.until(clock.now())

    @display(description="state", label=_COLOURS)
    def state_label(self, row: ActingAs) -> str:
        return "over" if row.until(clock.now()) else "going on"

    @display(description="organization")
    def organization_link(self, row: ActingAs) -> str:
        organization = row.organization
        url = reverse("admin:accounts_organization_change", args=[organization.pk])
        return link(url, f"{organization} ({organization.number})")

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send the list as CSV, as it is filtered and searched; all of it, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.listed(request).select_related(*self.list_select_related)
        headers = {"Content-Disposition": 'attachment; filename="acting-as-customers.csv"'}
        lines = acting_as_csv(found, at=clock.now())
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)

    # --- Beginning ---------------------------------------------------------------------------------------------------------

    def begin_view(self, request: HttpRequest) -> HttpResponse:
        """Ask as whom and why (GET), then act as that person in the storefront (POST) until it is stopped."""
        if not request.user.has_perm(MAY_ACT):
            raise PermissionDenied
        organization = Organization.objects.filter(number=request.GET.get("organization", "")).first()
        if organization is None:
            raise Http404
        back = _way_back(request, organization)
        if request.acting_as is not None:  # type: ignore[attr-defined]
            return self.page(request, "admin/accounts/acts_already.html", title="You act as somebody already", back=back)
        people = list(candidates(organization))
        form = ActAsForm(request.POST or None, people=people)
        if request.method == "POST" and form.is_valid() and self._begin(request, organization, people, form, back):
            return redirect("catalog:home")
        return self.page(
            request,
            "admin/accounts/act_as.html",
            title=f"Act as a customer: {organization}",
            form=form if people else None,
            organization=organization,
            back=back,
            may_invite=request.user.has_perm("accounts.add_invitation") and organization.kind != Organization.Kind.MSP,
        )

    def _begin(
        self, request: HttpRequest, organization: Organization, people: list[Membership], form: ActAsForm, back: str
    ) -> bool:
        person = next(row.user for row in people if row.user_id == form.cleaned_data["person"])
        try:
            row = operations.begin_acting_as(
                staff=staff(request),
                person=person,
                organization=organization,
                reason=form.cleaned_data["reason"],
                address=get_adapter(request).get_client_ip(request),
                at=clock.now(),
            )
        except DomainError as refusal:
            refuse(form, refusal)
            return False
        acting_as.start(request, row, back=back)
        messages.success(request, f"You act as {person} now. Stop when you are done; it ends by itself after an hour.")
        return True


def _way_back(request: HttpRequest, organization: Organization) -> str:
    """Return the page of the BSS that the member of staff comes from, else the organization's; never another host's."""
    named = request.GET.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(named, allowed_hosts=None) and named.startswith(reverse("admin:index"))
    return named if is_ours else reverse("admin:accounts_organization_change", args=[organization.pk])
