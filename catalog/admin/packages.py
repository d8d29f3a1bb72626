"""“Packages”: the way from a product type to a plan in the storefront, on one page; and “Create a New Plan”."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from catalog.forms.plans import CreatePlanForm
from catalog.models import Plan, Product, ProductGroup, ProductType, Venture
from catalog.operations import plans as operations
from catalog.queries.readiness import Stage, StageState, stages_of
from common import clock
from common.bss import BssAdmin, refuse, today
from common.errors import DomainError

PLANS_A_PAGE = 50
SHOWN_BEGINNINGS = 50
LONGEST_SEARCH = 100
CHOSEN = ("venture", "product_type", "product", "product_group", "name")


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a plan, where it is worked on, and whether it is the one to go on with."""

    state: StageState
    url: str
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class PlanLine:
    plan: Plan
    steps: Mapping[str, Step]


@dataclass(frozen=True, slots=True)
class Package:
    """A product group with its plans, as the page shows them together."""

    group: ProductGroup
    lines: Sequence[PlanLine]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A shelf with nothing on it yet, and what is to be added there."""

    words: str
    where: str
    url: str
    label: str
    add_url: str


class PackagesPages(BssAdmin):
    """The pages of `PlanAdmin` that lead from product to plan."""

    def get_urls(self) -> list[URLPattern]:
        own = [path("packages/", self.admin_site.admin_view(self.packages_view), name="catalog_packages")]
        return [*own, *super().get_urls()]

    def packages_view(self, request: HttpRequest) -> HttpResponse:
        """List what is sold, by product and product group, with the state of each step; ``q`` and three filters narrow it down."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = {name: request.GET.get(name, "").strip()[:LONGEST_SEARCH] for name in ("q", "status", "billing_model", "venture")}
        page = Paginator(_plans(wanted), PLANS_A_PAGE).get_page(request.GET.get("page"))
        narrows_plans = any(wanted[name] for name in ("status", "billing_model", "venture"))
        query = request.GET.copy()
        query.pop("page", None)
        return self.page(
            request,
            "admin/catalog/packages.html",
            title="Packages",
            page_of_plans=page,
            query=query.urlencode(),
            packages=_packages(page, steps_of(page)),
            beginnings=[] if narrows_plans or page.number > 1 else _beginnings(wanted["q"]),
            wanted=wanted,
            is_narrowed=any(wanted.values()),
            states=Plan.Status.choices,
            billing_models=Plan.BillingModel.choices,
            ventures=Venture.objects.order_by("name").values_list("pk", "name"),
            may_add_product=request.user.has_perm("catalog.add_product"),
            may_add_group=request.user.has_perm("catalog.add_productgroup"),
            may_add_plan=self.has_add_permission(request),
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """
        Create a plan: each choice narrows the next one.

        The page is asked again whenever a choice changes: by HTMX, or, without script, by the button “Show what fits”.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        sent = request.POST if request.method == "POST" else request.GET
        chosen = {name: sent.get(name, "") for name in CHOSEN}
        is_choosing = request.method != "POST" or "choose" in request.POST
        form = CreatePlanForm(None if is_choosing else request.POST, chosen=chosen)
        if form.is_valid():
            try:
                plan = self._create(form)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                self.log_addition(request, plan, "Created.")
                messages.success(request, f"{plan.number} {plan} is created as a draft. Next: its Module Setting.")
                return redirect(self.url_of(plan))
        return self.page(
            request,
            "admin/catalog/create_plan.html",
            title="Create a New Plan",
            form=form,
            submit="Save",
            back=reverse("admin:catalog_packages"),
            here=request.path,
        )

    def _create(self, form: CreatePlanForm) -> Plan:
        facts = {name: form.cleaned_data[name] for name in ("venture", "product_group", "name")}
        return operations.create_plan(**facts, at=clock.now())


def steps_of(plans: Iterable[Plan]) -> dict[int, dict[str, Step]]:
    """Return, by plan, its steps by the name of their stage; the first one that is missing and needed comes next."""
    shown = {plan.pk: plan for plan in plans}
    return {pk: _steps(shown[pk], states) for pk, states in stages_of(shown.values(), on=today()).items()}


def _steps(plan: Plan, states: Sequence[StageState]) -> dict[str, Step]:
    waiting = next((one.stage for one in states if not one.is_done and not one.stage.is_optional), None)
    if plan.status == Plan.Status.ARCHIVED:
        waiting = None
    return {one.stage.value: Step(one, step_url(plan, one.stage), one.stage is waiting) for one in states}


def step_url(plan: Plan, stage: Stage) -> str:
    """Return where a stage of ``plan`` is worked on."""
    names = {
        Stage.PRODUCT: ("catalog_product_change", plan.product_group.product_id),
        Stage.PRODUCT_GROUP: ("catalog_productgroup_change", plan.product_group_id),
        Stage.MODULE_SETTING: ("catalog_plan_module_setting", plan.pk),
        Stage.PRICING: ("catalog_plan_pricing", plan.pk),
        Stage.ACTION_MAILS: ("catalog_plan_action_mails", plan.pk),
        Stage.ORDER_URLS: ("catalog_plan_order_urls", plan.pk),
    }
    name, pk = names.get(stage, ("catalog_plan_change", plan.pk))
    return reverse(f"admin:{name}", args=[pk])


def _plans(wanted: Mapping[str, str]) -> QuerySet[Plan]:
    """Return the plans that are asked for, in the order of the tree."""
    plans = Plan.objects.select_related("venture", "service_manager", "product_group__product__product_type")
    for word in wanted["q"].replace("\0", "").split():
        plans = plans.filter(
            Q(number__istartswith=word)
            | Q(number__iexact=f"P{word}")
            | Q(name__icontains=word)
            | Q(product_group__name__icontains=word)
            | Q(product_group__product__name__icontains=word)
            | Q(product_group__product__product_type__name__icontains=word)
            | Q(venture__name__icontains=word)
            | Q(pk__in=Plan.objects.filter(order_urls__code__startswith=_code_in(word)).values("pk"))
        )
    for name in ("status", "billing_model"):
        if wanted[name]:
            plans = plans.filter(**{name: wanted[name]})
    if wanted["venture"]:
        is_id = wanted["venture"].isascii() and wanted["venture"].isdecimal() and len(wanted["venture"]) <= 18
        plans = plans.filter(venture=int(wanted["venture"])) if is_id else plans.none()
    group = "product_group__product"
    return plans.order_by(
        f"{group}__product_type__name", f"{group}__name", f"{group}__pk", "product_group__name", "product_group__pk", "name", "pk"
    )


def _code_in(word: str) -> str:
    """Return the code of an order URL where a whole address is searched for, else the word."""
    return word.rstrip("/").rpartition("/")[2] or word


def _packages(plans: Iterable[Plan], steps: Mapping[int, Mapping[str, Step]]) -> list[Package]:
    by_group = groupby(plans, key=lambda plan: plan.product_group)
    return [Package(group, [PlanLine(plan, steps[plan.pk]) for plan in mine]) for group, mine in by_group]


def _beginnings(words: str) -> list[Beginning]:
    """Return the shelves that lead to no plan yet: product types, then products, then product groups."""
    named = Q()
    for word in words.split():
        named &= Q(name__icontains=word)
    types = ProductType.objects.annotate(below=Count("products")).filter(named, below=0).order_by("name")
    products = Product.objects.annotate(below=Count("groups")).filter(named, below=0).select_related("product_type")
    groups = ProductGroup.objects.annotate(below=Count("plans")).filter(named, below=0).select_related("product")
    found = [
        *(_beginning(row, "product type", "", "Add Product", "product", "product_type") for row in types[:SHOWN_BEGINNINGS]),
        *(
            _beginning(row, "product", row.product_type.name, "Product Group", "productgroup", "product")
            for row in products[:SHOWN_BEGINNINGS]
        ),
        *(
            _beginning(row, "product group", row.product.name, "Create a new Plan", "plan", "product_group")
            for row in groups[:SHOWN_BEGINNINGS]
        ),
    ]
    return found[:SHOWN_BEGINNINGS]


def _beginning(row: Any, words: str, where: str, label: str, adds: str, parameter: str) -> Beginning:
    url = reverse(f"admin:catalog_{row._meta.model_name}_change", args=[row.pk])
    add_url = f"{reverse(f'admin:catalog_{adds}_add')}?{parameter}={row.pk}"
    return Beginning(f"{row.name} ({words})", where, url, label, add_url)
