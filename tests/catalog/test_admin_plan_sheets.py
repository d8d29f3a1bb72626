"""Export and import of plans and prices on the list of plans in the back office."""

import hashlib

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from catalog import kept_imports
from catalog.models import Plan, PlanPrice
from catalog.plan_sheets import PLANS, PRICES
from tests import factories
from tests.catalog.plan_sheet_files import pages_of, plan_row, price_row, workbook

EXPORT = "admin:catalog_plan_export"
IMPORT = "admin:catalog_plan_import"
FORMAT = "admin:catalog_plan_import_format"
PREVIEW = "admin:catalog_plan_import_preview"
ERRORS = "admin:catalog_plan_import_errors"


@pytest.fixture
def shelves(db):
    cache.clear()
    factories.VentureFactory()
    return factories.ProductGroupFactory()


def upload(client, content, name="plans.xlsx"):
    return client.post(reverse(IMPORT), {"file": SimpleUploadedFile(name, content)})


def token_of(response):
    return response.headers["Location"].rstrip("/").rsplit("/", 1)[1]


NEW_PLAN = {"plans": [plan_row(number="NEW-1")], "prices": [price_row()]}


# --- Export -------------------------------------------------------------------------------------------------------------


def test_the_list_offers_export_with_its_filters_and_import(personas, shelves):
    page = personas.client("root").get(reverse("admin:catalog_plan_changelist"), {"q": "Cyber", "status__exact": "draft"})

    assert f"{reverse(EXPORT)}?q=Cyber&amp;status__exact=draft" in page.content.decode()
    assert reverse(IMPORT) in page.content.decode()


def test_an_export_holds_what_the_list_shows(personas, shelves):
    shown = factories.FixedPlanFactory(name="Shown")
    factories.FixedPlanFactory(name="Hidden")

    response = personas.client("root").get(reverse(EXPORT), {"q": "Shown"})

    pages = pages_of(response.content)
    assert response.headers["Content-Disposition"].endswith('.xlsx"')
    assert [row[0] for row in pages[PLANS][1:]] == [shown.number]
    assert {row[0] for row in pages[PRICES][1:]} == {shown.number}
    assert len(pages[PRICES]) == 3


def test_filters_and_all_pages_of_the_list_are_exported(personas, shelves):
    factories.PlanFactory.create_batch(60)
    factories.PlanFactory(status="draft")

    response = personas.client("root").get(reverse(EXPORT), {"status__exact": "published", "p": "2"})

    assert len(pages_of(response.content)[PLANS]) == 61


def test_a_page_is_exported_as_csv(personas, shelves):
    plan = factories.FixedPlanFactory()

    text = personas.client("root").get(reverse(EXPORT), {"csv": "prices"}).content.decode("utf-8-sig")

    assert text.splitlines()[0].startswith("Plan Number,Currency")
    assert f"{plan.number},EUR,1,10,20,0.1,2026-01-01," in text


def test_a_filter_that_the_list_does_not_know_leads_to_the_list(personas, shelves):
    assert personas.client("root").get(reverse(EXPORT), {"id__exact": "x"}).status_code == 302


# --- Import -------------------------------------------------------------------------------------------------------------


def test_a_file_is_shown_first_and_imported_when_confirmed(personas, shelves):
    client = personas.client("root")

    response = upload(client, workbook(**NEW_PLAN))
    token = token_of(response)
    page = client.get(reverse(PREVIEW, args=[token])).content.decode()
    assert "Import 2 changes" in page
    assert "Backup 100 GB" in page
    assert not Plan.objects.exists()

    page = client.post(reverse(PREVIEW, args=[token]), follow=True).content.decode()
    assert "2 rows were new, 0 changed, 0 stayed as they were." in page
    assert (Plan.objects.get().status, PlanPrice.objects.get().created_by) == ("draft", personas.root)


def test_confirming_twice_imports_once(personas, shelves):
    client = personas.client("root")
    token = token_of(upload(client, workbook(**NEW_PLAN)))

    for _ in range(2):
        page = client.post(reverse(PREVIEW, args=[token]), follow=True).content.decode()

    assert "This file has been imported." in page
    assert Plan.objects.count() == 1


def test_the_same_file_again_changes_nothing(personas, shelves):
    client = personas.client("root")
    content = workbook(**NEW_PLAN)
    client.post(reverse(PREVIEW, args=[token_of(upload(client, content))]))

    page = client.get(upload(client, content).headers["Location"]).content.decode()

    assert "The file changes nothing." in page
    assert "<form" not in page.split("The file changes nothing.")[1].split("</table>")[0]


def test_errors_are_shown_page_by_page_and_downloaded_and_nothing_is_applied(personas, shelves):
    client = personas.client("root")
    rows = [plan_row(plan_name=f"Plan {n}", venture="=evil" if n % 2 else "Cloud") for n in range(140)]
    token = token_of(upload(client, workbook(rows)))
    here = reverse(PREVIEW, args=[token])

    first, second = (client.get(here, {"page": page}).content.decode() for page in (1, 2))

    assert "70 things have to be put right" in first
    assert first.count("It is a formula.") == 50
    assert second.count("It is a formula.") == 20
    assert "Import 1" not in first
    text = client.get(reverse(ERRORS, args=[token])).content.decode("utf-8-sig")
    assert text.count("It is a formula.") == 70
    assert "Plans,3,Venture," in text
    client.post(here)
    assert not Plan.objects.exists()


def test_each_kind_of_row_can_be_looked_at(personas, shelves):
    plan = factories.FixedPlanFactory(name="Old", status="draft")
    same = factories.FixedPlanFactory(name="Same", status="draft")
    rows = [
        plan_row(plan_name="Fresh"),
        plan_row(number=plan.number, plan_name="Renamed"),
        plan_row(number=same.number, plan_name="Same"),
    ]
    client = personas.client("root")
    here = upload(client, workbook(rows)).headers["Location"]

    shown = {
        kind: client.get(here, {"show": kind}).content.decode() for kind in ("new", "changed", "unchanged", "wrong", "rubbish")
    }

    assert "Fresh" in shown["new"]
    assert "Renamed" not in shown["new"]
    assert "Old → Renamed" in shown["changed"]
    assert "Same" in shown["unchanged"]
    assert "No row of this kind." in shown["wrong"]


def test_what_changed_since_the_preview_is_shown_again(personas, shelves):
    plan = factories.FixedPlanFactory(name="Old", status="draft")
    client = personas.client("root")
    here = upload(client, workbook([plan_row(number=plan.number, plan_name="Renamed")])).headers["Location"]
    Plan.objects.update(name="By hand")

    page = client.post(here, follow=True).content.decode()
    assert "has changed since the preview" in page
    assert "By hand → Renamed" in page
    assert Plan.objects.get().name == "By hand"

    client.post(here)
    assert Plan.objects.get().name == "Renamed"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"rubbish\xff\xfe", "neither an Excel workbook"),
        (b"PK\x03\x04", "not an Excel workbook"),
        (b"a,b\n1,2\n", "that we do not know"),
    ],
)
def test_a_file_that_is_none_is_told_at_the_field(personas, shelves, content, said):
    response = upload(personas.client("root"), content)

    assert response.status_code == 200
    assert said in response.content.decode()


def test_a_file_that_is_too_large_is_refused(personas, shelves, settings):
    settings.UPLOAD_LIMIT_BYTES = 1000

    assert "larger than" in upload(personas.client("root"), b"x" * 1001).content.decode()


def test_an_upload_is_kept_for_who_uploaded_it_and_as_it_was(personas, shelves):
    client = personas.client("root")
    here = upload(client, workbook(**NEW_PLAN)).headers["Location"]
    other = factories.UserFactory(is_staff=True, is_superuser=True)
    theirs = personas.client("root")
    theirs.force_login(other, backend="django.contrib.auth.backends.ModelBackend")

    assert "no longer kept" in theirs.post(here, follow=True).content.decode()
    assert "no longer kept" in client.get(reverse(PREVIEW, args=["x" * 300]), follow=True).content.decode()
    assert "no longer kept" in client.get(reverse(ERRORS, args=["nothing"]), follow=True).content.decode()
    cache.clear()
    assert "no longer kept" in client.post(here, follow=True).content.decode()
    assert not Plan.objects.exists()


def test_a_kept_file_that_is_another_one_now_is_not_taken(personas, shelves):
    client = personas.client("root")
    token = token_of(upload(client, workbook(**NEW_PLAN)))
    key = f"plan-import-{hashlib.sha256(token.encode()).hexdigest()}"
    kept = cache.get(key)
    cache.set(key, kept_imports.replace(kept, content=workbook([plan_row(plan_name="Smuggled")])))

    assert "no longer kept" in client.post(reverse(PREVIEW, args=[token]), follow=True).content.decode()
    assert not Plan.objects.exists()


def test_the_sheet_to_fill_in_is_a_workbook(personas, shelves):
    response = personas.client("root").get(reverse(FORMAT))

    assert set(pages_of(response.content)) == {"Plans", "Prices", "Examples", "Notes", "Lists"}


# --- Who may ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("person", "status"), [("nobody", 302), ("dora", 302), ("alice", 302), ("mira", 403), ("bert", 403)])
def test_others_neither_export_nor_import(personas, shelves, person, status):
    client = personas.client(person)
    here = upload(personas.client("root"), workbook(**NEW_PLAN)).headers["Location"]

    for url in (reverse(EXPORT), reverse(IMPORT), reverse(FORMAT), here, f"{here}errors/"):
        assert client.get(url).status_code == status, url
    assert upload(client, workbook(**NEW_PLAN)).status_code == status
    assert client.post(here).status_code == status
    assert not Plan.objects.exists()


def test_who_may_look_at_plans_and_prices_exports_and_does_not_import(personas, shelves):
    personas.mira.user_permissions.add(Permission.objects.get(codename="view_planprice"))
    client = personas.client("mira")
    page = client.get(reverse("admin:catalog_plan_changelist")).content.decode()

    assert client.get(reverse(EXPORT)).status_code == 200
    assert client.get(reverse(IMPORT)).status_code == 403
    assert reverse(EXPORT) in page
    assert reverse(IMPORT) not in page
