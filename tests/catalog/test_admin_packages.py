"""The way from product type to plan in the back office, as the text describes it."""

import re
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from catalog.models import Logo, OrderUrl, PartnerTerms, Plan, Product, ProductGroup, ProductType, Venture
from catalog.operations.order_urls import make_order_urls
from config import bss
from tests import factories
from tests.conftest import Personas

PACKAGES = "admin:catalog_packages"


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def desk(personas: Personas) -> Client:
    return personas.client("root")


# --- The guided path ------------------------------------------------------------------------------------------------------


def test_an_empty_house_says_how_to_begin(desk: Client) -> None:
    shown = text(desk.get(reverse(PACKAGES)))

    assert "Nothing is sold yet" in shown
    assert "Home &rsaquo; Settings &rsaquo; Products/Services &rsaquo; Packages" in shown
    assert reverse("admin:catalog_product_add") in shown


def test_each_window_is_called_as_in_the_text(desk: Client) -> None:
    factories.ProductGroupFactory()

    titles = {
        reverse(f"admin:catalog_{what}_add"): title
        for what, title in [("product", "Add Product"), ("productgroup", "Add Product Group"), ("plan", "Create a New Plan")]
    }
    for url, title in titles.items():
        assert f'<h2 class="bss-title">{title}</h2>' in text(desk.get(url))


def test_the_path_from_product_to_plan_leads_from_save_to_the_next_step(desk: Client) -> None:
    kind, venture, taxes = ProductType.objects.create(name="Backup"), factories.VentureFactory(), [factories.TaxFactory()]
    taxes.append(factories.TaxFactory(name="Levy 1 %", percent=Decimal(1)))

    to_group = desk.post(reverse("admin:catalog_product_add"), {"product_type": kind.pk, "name": "Acronis"})
    product = Product.objects.get()
    assert to_group["Location"] == f"{reverse('admin:catalog_productgroup_add')}?product={product.pk}"
    facts = {"product": product.pk, "name": "Cyber Protect", "module": "acronis", "taxes": [tax.pk for tax in taxes]}
    to_plan = desk.post(reverse("admin:catalog_productgroup_add"), facts)
    group = ProductGroup.objects.get()
    assert to_plan["Location"] == f"{reverse('admin:catalog_plan_add')}?product_group={group.pk}"
    assert group.taxes.count() == 2
    window = desk.get(to_plan["Location"])
    chosen = {name: window.context["form"][name].value() for name in ("venture", "product_type", "product", "product_group")}
    made = desk.post(reverse("admin:catalog_plan_add"), {**chosen, "name": "Cyber Protect 50"}, follow=True)

    plan = Plan.objects.get()
    assert (plan.venture, plan.product_group, plan.name) == (venture, group, "Cyber Protect 50")
    assert "Choose the service manager in the Module Setting" in text(made)


def test_a_group_of_acronis_has_its_rate_card_button(desk: Client) -> None:
    product = factories.ProductFactory()

    saved = desk.post(
        reverse("admin:catalog_productgroup_add"), {"product": product.pk, "name": "Group", "module": "acronis"}, follow=True
    )

    group = ProductGroup.objects.get()
    card = f"{reverse('admin:billing_ratecard_changelist')}?product_group={group.pk}"
    assert card in saved.content.decode()
    assert card in desk.get(reverse("admin:catalog_productgroup_change", args=[group.pk])).content.decode()


def test_who_asks_for_another_product_gets_the_same_window_again(desk: Client) -> None:
    kind = factories.ProductTypeFactory()

    answer = desk.post(reverse("admin:catalog_product_add"), {"product_type": kind.pk, "name": "Acronis", "_addanother": "1"})

    assert answer["Location"] == reverse("admin:catalog_product_add")


# --- Create a New Plan ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shelves(db: None) -> dict[str, Any]:
    """Two product types; the second with two products, one of them with two groups."""
    factories.VentureFactory()
    backup = factories.ProductFactory(name="Backup")
    archive = factories.ProductFactory(name="Archive", product_type__name="Archiving")
    mail = factories.ProductFactory(name="Mail", product_type=archive.product_type)
    groups = {name: factories.ProductGroupFactory(name=name, product=archive) for name in ("Small", "Large")}
    return {"backup": backup, "archive": archive, "mail": mail, **groups}


def choices(response: Any, field: str) -> set[str]:
    return {str(row) for row in response.context["form"].fields[field].queryset}


def test_what_is_chosen_narrows_what_comes_next(desk: Client, shelves: dict[str, Any]) -> None:
    url = reverse("admin:catalog_plan_add")

    bare = desk.get(url)
    typed = desk.get(url, {"product_type": shelves["archive"].product_type_id})
    narrowed = desk.get(url, {"product_type": shelves["archive"].product_type_id, "product": shelves["archive"].pk})

    assert choices(bare, "product") == set()
    assert "Choose the product type first" in text(bare)
    assert choices(typed, "product") == {"Archive", "Mail"}
    assert choices(narrowed, "product_group") == {"Small", "Large"}


def test_without_script_a_button_shows_what_fits_and_keeps_what_was_typed(desk: Client, shelves: dict[str, Any]) -> None:
    sent = {"product_type": shelves["archive"].product_type_id, "name": "Mail archive", "choose": "1"}

    shown = desk.post(reverse("admin:catalog_plan_add"), sent)

    assert choices(shown, "product") == {"Archive", "Mail"}
    assert shown.context["form"]["name"].value() == "Mail archive"
    assert "to be put right" not in text(shown)
    assert not Plan.objects.exists()


def test_another_product_type_drops_what_does_not_belong_to_it(desk: Client, shelves: dict[str, Any]) -> None:
    sent = {"product_type": shelves["backup"].product_type_id, "product": shelves["mail"].pk, "product_group": shelves["Small"].pk}

    form = desk.get(reverse("admin:catalog_plan_add"), sent).context["form"]

    assert form["product"].value() == str(shelves["backup"].pk)  # the only one of this type
    assert form["product_group"].value() == ""


def test_a_group_of_another_product_is_refused(desk: Client, shelves: dict[str, Any]) -> None:
    sent = {
        "venture": Venture.objects.get().pk,
        "product_type": shelves["archive"].product_type_id,
        "product": shelves["mail"].pk,
        "product_group": shelves["Small"].pk,
        "name": "Wrong",
    }

    page = desk.post(reverse("admin:catalog_plan_add"), sent)

    assert page.context["form"].errors.keys() == {"product_group"}
    assert not Plan.objects.exists()


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "\u0663", "1 or 1=1"])
def test_what_cannot_be_an_id_chooses_nothing(desk: Client, value: str) -> None:
    page = desk.get(reverse("admin:catalog_plan_add"), {"product_type": value, "product": value, "product_group": value})

    assert page.status_code == 200


def test_who_may_not_add_plans_gets_no_window(personas: Personas) -> None:
    assert personas.client("mira").get(reverse("admin:catalog_plan_add")).status_code == 403


# --- The page “Packages” --------------------------------------------------------------------------------------------------


@pytest.fixture
def goods(db: None) -> dict[str, Plan]:
    group = factories.ProductGroupFactory(name="Archive", product__name="Mail archive", product__product_type__name="Archiving")
    return {
        "backup": factories.FixedPlanFactory(name="Backup 50"),
        "use": factories.PlanFactory(name="By use", status=Plan.Status.DRAFT, service_manager=None),
        "mail": factories.PlanFactory(
            name="Mail", product_group=group, venture__name="Mail and more", venture__invoice_series="ML"
        ),
    }


def found(response: Any) -> set[str]:
    return {line.plan.name for package in response.context["packages"] for line in package.lines}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"Backup 50", "By use", "Mail"}),
        ({"q": "backup 50"}, {"Backup 50"}),
        ({"q": "BACKUP cyber use"}, {"By use"}),
        ({"q": "archiving"}, {"Mail"}),
        ({"q": "mail ARCHIVE"}, {"Mail"}),
        ({"q": "nothing of this"}, set()),
        ({"q": "%"}, set()),
        ({"status": "draft"}, {"By use"}),
        ({"status": "moon"}, set()),
        ({"billing_model": "postpaid_fixed"}, {"Backup 50"}),
        ({"venture": "x"}, set()),
        ({"venture": "9" * 30}, set()),
        ({"page": "99"}, {"Backup 50", "By use", "Mail"}),
    ],
    ids=[
        "all",
        "name",
        "several words",
        "type",
        "product",
        "none",
        "sign",
        "state",
        "no state",
        "billing model",
        "no id",
        "huge id",
        "page",
    ],
)
def test_packages_are_found_by_what_people_quote(
    desk: Client, goods: dict[str, Plan], query: dict[str, str], names: set[str]
) -> None:
    assert found(desk.get(reverse(PACKAGES), query)) == names


def test_packages_are_found_by_number_venture_and_order_url(desk: Client, goods: dict[str, Plan]) -> None:
    make_order_urls(goods["mail"], on=factories.AT.date(), at=factories.AT)
    url = OrderUrl.objects.get()

    for words in (goods["mail"].number, "Mail and more", url.code, f"https://shop.example{url.path}"):
        assert found(desk.get(reverse(PACKAGES), {"q": words})) == {"Mail"}
    assert found(desk.get(reverse(PACKAGES), {"venture": str(goods["mail"].venture_id)})) == {"Mail"}


def test_each_plan_shows_its_next_step(desk: Client, goods: dict[str, Plan]) -> None:
    shown = text(desk.get(reverse(PACKAGES), {"q": "By use"}))

    assert "Choose the service manager in the Module Setting." in shown
    assert reverse("admin:catalog_plan_pricing", args=[goods["use"].pk]) in shown


def test_shelves_without_plans_lead_on(desk: Client, goods: dict[str, Plan]) -> None:
    kind = factories.ProductTypeFactory(name="Monitoring")
    product = factories.ProductFactory(name="Watcher")
    group = factories.ProductGroupFactory(name="Empty group")

    shown = desk.get(reverse(PACKAGES))

    assert [one.add_url for one in shown.context["beginnings"]] == [
        f"{reverse('admin:catalog_product_add')}?product_type={kind.pk}",
        f"{reverse('admin:catalog_productgroup_add')}?product={product.pk}",
        f"{reverse('admin:catalog_plan_add')}?product_group={group.pk}",
    ]
    assert not desk.get(reverse(PACKAGES), {"status": "draft"}).context["beginnings"]


def test_queries_do_not_grow_with_plans(desk: Client, django_assert_max_num_queries: Any) -> None:
    group = factories.ProductGroupFactory()
    manager = factories.ServiceManagerFactory()
    factories.FixedPlanFactory.create_batch(200, product_group=group, service_manager=manager)
    for number in range(40):
        factories.FixedPlanFactory(product_group=factories.ProductGroupFactory(name=f"A {number}"), service_manager=manager)

    with django_assert_max_num_queries(38):
        first = desk.get(reverse(PACKAGES))

    assert first.context["page_of_plans"].paginator.count == 240
    assert len(first.context["packages"]) > 30
    assert "Page 1 of 5" in text(first)
    assert "Page 5 of 5" in text(desk.get(reverse(PACKAGES), {"page": "5", "status": "published"}))


def test_staff_without_the_right_do_not_see_packages(personas: Personas) -> None:
    assert personas.client("bert").get(reverse(PACKAGES)).status_code == 403
    assert personas.client("alice").get(reverse(PACKAGES)).status_code == 302


def test_staff_who_may_only_look_find_no_buttons(personas: Personas, goods: dict[str, Plan]) -> None:
    shown = text(personas.client("mira").get(reverse(PACKAGES)))

    assert "Backup 50" in shown
    assert "Create a new Plan" not in shown
    assert "Add Product" not in shown


def test_names_are_written_as_text(desk: Client) -> None:
    factories.PlanFactory(name="<script>alert(1)</script>")

    assert "<script>alert(1)" not in desk.get(reverse(PACKAGES)).content.decode()


# --- The page of a plan ---------------------------------------------------------------------------------------------------


def test_a_plan_shows_its_steps_in_the_order_of_the_text(desk: Client, goods: dict[str, Plan]) -> None:
    page = desk.get(reverse("admin:catalog_plan_change", args=[goods["use"].pk]))

    steps = list(page.context["steps"])
    assert [step.state.stage.words for step in steps] == [
        "Product",
        "Product Group",
        "Plan",
        "Module Setting",
        "Pricing",
        "Notification & Action Mails",
        "Order URLs",
        "Publish",
    ]
    assert [step.state.stage.words for step in steps if step.is_next] == ["Module Setting"]


def test_a_refused_publication_is_a_sentence(desk: Client, goods: dict[str, Plan]) -> None:
    page = desk.post(reverse("admin:catalog_plan_publish", args=[goods["use"].pk]), follow=True)

    assert "Choose the service manager in the Module Setting." in [str(message) for message in page.context["messages"]]


def test_order_urls_are_shown_whole_and_switched_where_they_stand(desk: Client, goods: dict[str, Plan], settings: Any) -> None:
    settings.SITE_URL = "https://shop.example"
    plan = goods["backup"]
    factories.PartnerTermsFactory(plan=plan, reseller__name="Alster IT")
    make_order_urls(plan, on=factories.AT.date(), at=factories.AT)
    url = OrderUrl.objects.filter(plan=plan, reseller=None).earliest("term_months")
    here = reverse("admin:catalog_plan_change", args=[plan.pk])

    before = text(desk.get(here))
    switched = desk.post(reverse("admin:catalog_orderurl_switch", args=[url.pk]), {"is_active": "0", "back": f"{here}#order-urls"})

    assert f"https://shop.example/order/{url.code}/" in before
    assert before.count("data-copy=") == 4  # two terms, for the storefront and for the partner
    assert switched["Location"] == f"{here}#order-urls"
    url.refresh_from_db()
    assert not url.is_active


def test_nobody_is_led_away_after_switching(desk: Client, goods: dict[str, Plan]) -> None:
    make_order_urls(goods["backup"], on=factories.AT.date(), at=factories.AT)
    url = OrderUrl.objects.earliest("pk")

    answer = desk.post(reverse("admin:catalog_orderurl_switch", args=[url.pk]), {"is_active": "1", "back": "https://evil.example/"})

    assert answer["Location"] == reverse("admin:catalog_plan_change", args=[goods["backup"].pk])


def test_order_urls_are_switched_by_those_who_may_and_only_by_post(personas: Personas, goods: dict[str, Plan]) -> None:
    make_order_urls(goods["backup"], on=factories.AT.date(), at=factories.AT)
    switch = reverse("admin:catalog_orderurl_switch", args=[OrderUrl.objects.earliest("pk").pk])

    assert personas.client("mira").post(switch, {"is_active": "0"}).status_code == 403
    assert personas.client("root").get(switch).status_code == 405
    assert OrderUrl.objects.filter(is_active=False).count() == 0


def test_all_order_urls_of_a_plan_are_searched_by_partner_and_code(desk: Client, goods: dict[str, Plan]) -> None:
    for name in ("Alster IT", "Bodensee Systems"):
        factories.PartnerTermsFactory(plan=goods["backup"], reseller__name=name)
    make_order_urls(goods["backup"], on=factories.AT.date(), at=factories.AT)
    page = reverse("admin:catalog_plan_order_urls", args=[goods["backup"].pk])
    code = OrderUrl.objects.earliest("pk").code

    assert desk.get(page).context["page_of_urls"].paginator.count == 6
    assert desk.get(page, {"q": "bodensee"}).context["page_of_urls"].paginator.count == 2
    assert desk.get(page, {"q": f"http://x/order/{code}/"}).context["page_of_urls"].paginator.count == 1
    assert "No order URL matches." in text(desk.get(page, {"q": "nobody"}))


def test_an_order_url_that_leads_nowhere_says_why(desk: Client) -> None:
    plan = factories.FixedPlanFactory(yearly=None, applicable_on_partner_website=True)
    agreed = factories.PartnerTermsFactory(plan=plan)
    make_order_urls(plan, on=factories.AT.date(), at=factories.AT)
    OrderUrl.objects.create(code="abcdef1234", plan=plan, term_months=36, created_at=factories.AT)
    page = reverse("admin:catalog_plan_order_urls", args=[plan.pk])

    def states() -> list[str]:
        return [line.why_not for line in desk.get(page).context["url_lines"]]

    assert states() == ["", "no price", "not offered by the partner"]
    factories.PartnerPriceFactory(plan=plan, reseller=agreed.reseller)
    assert states() == ["", "no price", ""]
    PartnerTerms.objects.update(is_allowed=False)
    assert states() == ["", "no price", "not allowed"]
    Plan.objects.filter(pk=plan.pk).update(status=Plan.Status.ARCHIVED)
    OrderUrl.objects.filter(term_months=36).update(is_active=False)
    assert states() == ["archived", "off", "archived"]


def test_a_plan_is_duplicated_under_a_name_that_is_asked_for(desk: Client, goods: dict[str, Plan]) -> None:
    url = reverse("admin:catalog_plan_duplicate", args=[goods["backup"].pk])

    assert "Backup 50 (copy)" in text(desk.get(url))
    refused = desk.post(url, {"name": "Backup 50"})
    made = desk.post(url, {"name": "Backup 51"}, follow=True)

    assert "has a plan of this name already" in refused.context["form"].errors["name"][0]
    assert Plan.objects.get(name="Backup 51").status == Plan.Status.DRAFT
    assert "is a draft set up like Backup 50" in text(made)


def test_who_may_not_add_plans_does_not_duplicate_them(personas: Personas, goods: dict[str, Plan]) -> None:
    url = reverse("admin:catalog_plan_duplicate", args=[goods["backup"].pk])

    assert personas.client("mira").post(url, {"name": "Mine"}).status_code == 403
    assert not Plan.objects.filter(name="Mine").exists()


# --- Ventures -------------------------------------------------------------------------------------------------------------


def logo(size: tuple[int, int] = (300, 100)) -> SimpleUploadedFile:
    content = BytesIO()
    Image.new("RGB", size, (15, 118, 110)).save(content, "PNG")
    return SimpleUploadedFile("logo.png", content.getvalue(), "image/png")


def venture_facts(**changes: Any) -> dict[str, Any]:
    facts = {"name": "Cloud", "address_line1": "Hafenstraße 7", "address_line2": "", "postcode": "20457", "city": "Hamburg"}
    return {**facts, "country": "de", **changes}


def test_a_venture_has_an_address_and_a_logo(desk: Client) -> None:
    desk.post(reverse("admin:catalog_venture_add"), venture_facts(invoice_series="CLD", logo=logo()))

    venture = Venture.objects.get()
    assert (venture.city, venture.country) == ("Hamburg", "DE")
    assert venture.logo == Logo.objects.get()
    shown = desk.get(reverse("admin:catalog_venture_change", args=[venture.pk])).content.decode()
    assert reverse("catalog:logo", args=[Logo.objects.get().sha256]) in shown


def test_a_venture_keeps_its_logo_until_it_is_taken_away(desk: Client) -> None:
    desk.post(reverse("admin:catalog_venture_add"), venture_facts(invoice_series="CLD", logo=logo()))
    change = reverse("admin:catalog_venture_change", args=[Venture.objects.get().pk])

    desk.post(change, venture_facts(name="Renamed"))
    assert Venture.objects.values_list("name", "logo").get() == ("Renamed", Logo.objects.get().pk)
    desk.post(change, venture_facts(without_logo="on"))

    assert Venture.objects.get().logo is None


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"logo": SimpleUploadedFile("logo.svg", b"<svg/>")}, "logo", "PNG, JPEG or WebP"),
        ({"country": "Germany"}, "country", "at most 2 characters"),
        ({"country": "1x"}, "country", "two letters"),
        ({"address_line1": ""}, "address_line1", "Enter the street too"),
    ],
    ids=["svg", "long country", "no country", "no street"],
)
def test_what_is_wrong_with_a_venture_stands_beside_its_field(
    desk: Client, changes: dict[str, Any], field: str, sentence: str
) -> None:
    page = desk.post(reverse("admin:catalog_venture_add"), venture_facts(invoice_series="CLD", **changes))

    assert sentence in page.context["adminform"].form.errors[field][0]
    assert not Venture.objects.exists()


# --- Partners -------------------------------------------------------------------------------------------------------------


def test_partners_of_a_plan_are_allowed_at_one_discount(personas: Personas, desk: Client) -> None:
    plan = factories.PlanFactory(applicable_on_partner_website=False)
    url = reverse("admin:catalog_plan_partners", args=[plan.pk])

    desk.post(url, {"row": [personas.reseller.pk], "discount_percent": "12.5", "allow": "1"})

    assert PartnerTerms.objects.values_list("reseller", "discount_percent").get() == (personas.reseller.pk, Decimal("12.5"))
    plan.refresh_from_db()
    assert plan.applicable_on_partner_website
    assert OrderUrl.objects.filter(plan=plan, reseller=personas.reseller).count() == 1


def test_all_partners_that_are_found_are_allowed_and_disallowed(personas: Personas, desk: Client) -> None:
    plan = factories.PlanFactory()
    url = reverse("admin:catalog_plan_partners", args=[plan.pk])

    desk.post(f"{url}?q=alster", {"takes_all_found": "on", "discount_percent": "20", "allow": "1"})
    assert PartnerTerms.objects.get().reseller == personas.reseller
    desk.post(url, {"takes_all_found": "on", "discount_percent": "30", "allow": "1"})
    assert PartnerTerms.objects.filter(is_allowed=True, discount_percent=30).count() == 2
    desk.post(url, {"row": [personas.reseller.pk], "disallow": "1"})

    assert PartnerTerms.objects.get(is_allowed=True).reseller == personas.other_reseller


def test_plans_of_a_partner_are_allowed_from_its_page(personas: Personas, desk: Client) -> None:
    plans = factories.PlanFactory.create_batch(2)
    url = reverse("admin:catalog_partnerterms_of_reseller", args=[personas.reseller.pk])

    assert url in text(desk.get(reverse("admin:accounts_organization_change", args=[personas.reseller.pk])))
    assert "Plans that Alster IT may sell" in text(desk.get(url))
    desk.post(url, {"row": [plan.pk for plan in plans], "discount_percent": "10", "allow": "1"})

    assert PartnerTerms.objects.filter(reseller=personas.reseller, discount_percent=10).count() == 2


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"row": ["1"], "discount_percent": "101", "allow": "1"}, "between 0 and 100 percent"),
        ({"row": ["1"], "discount_percent": "lots", "allow": "1"}, "Enter a number"),
        ({"row": ["1"], "discount_percent": "", "allow": "1"}, "Enter the discount"),
        ({"discount_percent": "10", "allow": "1"}, "tick the resellers first"),
        ({"row": ["x", "9" * 30], "discount_percent": "10", "allow": "1"}, "tick the resellers first"),
    ],
    ids=["too much", "word", "empty", "nobody", "no ids"],
)
def test_terms_that_cannot_be_meant_are_refused(desk: Client, sent: dict[str, Any], sentence: str) -> None:
    plan = factories.PlanFactory()

    page = desk.post(reverse("admin:catalog_plan_partners", args=[plan.pk]), sent, follow=True)

    assert sentence in text(page)
    assert not PartnerTerms.objects.exists()


def test_single_terms_make_their_order_urls_too(personas: Personas, desk: Client) -> None:
    plan = factories.PlanFactory()

    desk.post(
        reverse("admin:catalog_partnerterms_add"),
        {"plan": plan.pk, "reseller": personas.reseller.pk, "is_allowed": "on", "discount_percent": "5"},
    )

    assert OrderUrl.objects.filter(plan=plan, reseller=personas.reseller).exists()


def test_who_may_only_look_changes_no_terms(personas: Personas) -> None:
    plan = factories.PlanFactory()
    sent = {"takes_all_found": "on", "discount_percent": "10", "allow": "1"}

    assert personas.client("mira").post(reverse("admin:catalog_plan_partners", args=[plan.pk]), sent).status_code == 403


# --- Search and sidebar ---------------------------------------------------------------------------------------------------


def test_the_search_finds_plans_by_number_name_and_order_url(personas: Personas, goods: dict[str, Plan], rf: Any) -> None:
    make_order_urls(goods["mail"], on=factories.AT.date(), at=factories.AT)
    url = OrderUrl.objects.get()
    request = rf.get("/")
    request.user = personas.root

    for words in (goods["mail"].number, "mail", url.code, f"https://shop.example{url.path}"):
        titles = {result.title for result in bss.find(request, words) if result.description == "Plan"}
        assert titles == {"Mail"}


def test_packages_stand_in_the_sidebar_under_products_and_services(desk: Client) -> None:
    shown = text(desk.get(reverse(PACKAGES)))

    assert "Products/Services" in shown
    assert re.search(rf'href="{reverse(PACKAGES)}"', shown)
