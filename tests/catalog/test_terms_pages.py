"""Terms of use in the back office and in the partner panel."""

from datetime import timedelta

import pytest
from django.urls import reverse

from catalog.models import TermsDocument
from common import clock
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
NOW = AT + timedelta(days=1)
LIST = "admin:catalog_termsdocument_changelist"
TYPED = {"issuer": "vendor", "title": "Acronis Terms", "version": "2026-10", "summary": "", "text": "One.\r\n\r\n<b>Two</b>"}


@pytest.fixture(autouse=True)
def present(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def url(name, *args):
    return reverse(f"admin:catalog_termsdocument_{name}", args=args)


def page_of(response):
    return " ".join(response.content.decode().split())


def document(**facts):
    return TermsDocument.objects.create(**{"title": "Terms", "version": "1", "text": "Words.", "published_at": AT, **facts})


# In the back office


def test_a_document_goes_from_draft_to_published_and_its_next_version(personas: Personas):
    client = personas.client("root")

    client.post(url("add"), TYPED)
    draft = TermsDocument.objects.get()
    client.post(url("edit", draft.pk), {**TYPED, "text": "Three."})
    client.post(url("publish", draft.pk), {"publish_at": ""})
    draft.refresh_from_db()
    answer = client.post(url("new_version", draft.pk))
    newer = TermsDocument.objects.exclude(pk=draft.pk).get()

    assert (draft.issuer, draft.text, draft.published_at, draft.created_by) == ("vendor", "Three.", NOW, personas.root)
    assert answer["Location"] == url("edit", newer.pk)
    assert (newer.version, newer.text, newer.published_at) == ("2026-10.2", "Three.", None)
    assert 'value="Acronis Terms"' in page_of(client.get(answer["Location"]))


def test_publication_is_scheduled_in_the_msps_time_and_taken_back(personas: Personas):
    client = personas.client("root")
    row = document(published_at=None)

    client.post(url("publish", row.pk), {"publish_at": "2099-11-01T08:00"})
    row.refresh_from_db()
    scheduled = row.published_at
    page = page_of(client.get(url("change", row.pk)))
    client.post(url("take_back", row.pk))
    row.refresh_from_db()

    assert scheduled.isoformat() == "2099-11-01T07:00:00+00:00"
    assert "Scheduled" in page
    assert row.published_at is None


def test_a_published_version_offers_no_edit_and_says_why(personas: Personas):
    client = personas.client("root")
    row = document()

    page = page_of(client.get(url("change", row.pk)))
    client.post(url("edit", row.pk), {**TYPED, "title": "Terms", "text": "Other."})

    row.refresh_from_db()
    assert "Published terms never change" in page
    assert ">Edit<" not in page
    assert ">New version<" in page
    assert row.text == "Words."


def test_a_draft_is_deleted_after_a_question(personas: Personas):
    client = personas.client("root")
    row = document(published_at=None)

    asked = page_of(client.get(url("delete_draft", row.pk)))
    client.post(url("delete_draft", row.pk))

    assert "This cannot be undone." in asked
    assert not TermsDocument.objects.exists()


def test_the_preview_shows_paragraphs_and_no_markup_of_the_text(personas: Personas):
    client = personas.client("root")
    client.post(url("add"), {**TYPED, "summary": "<script>alert(1)</script>"})

    page = page_of(client.get(url("preview", TermsDocument.objects.get().pk)))

    assert "<p>One.</p>" in page
    assert "<p>&lt;b&gt;Two&lt;/b&gt;</p>" in page
    assert "<script>alert" not in page
    assert "Terms of the vendor" in page


def test_the_list_filters_by_issuer_and_state_and_counts_acceptances(personas: Personas):
    document(title="Vendors", issuer="vendor")
    document(title="Ours")
    document(title="Ours", version="2", published_at=NOW)
    document(title="Resellers", reseller=personas.reseller)
    document(title="Coming", published_at=NOW + timedelta(days=3))
    document(title="Begun", published_at=None)
    client = personas.client("root")

    def shown(**query):
        page = client.get(reverse(LIST), query)
        return sorted(str(row) for row in page.context["cl"].result_list)

    assert shown(whose="vendor") == ["Vendors, version 1"]
    assert shown(whose="resellers") == ["Resellers, version 1"]
    assert shown(state="draft") == ["Begun, version 1"]
    assert shown(state="scheduled") == ["Coming, version 1"]
    assert shown(state="replaced") == ["Ours, version 1"]
    assert shown(state="in_force") == ["Ours, version 2", "Resellers, version 1", "Vendors, version 1"]
    assert shown(q="Alster") == ["Resellers, version 1"]


def test_a_resellers_own_are_shown_to_staff_and_not_written_by_them(personas: Personas):
    client = personas.client("root")
    row = document(reseller=personas.reseller, published_at=None)

    page = page_of(client.get(url("change", row.pk)))

    assert "Its administrators write it" in page
    assert ">Publish<" not in page
    assert client.post(url("publish", row.pk), {}).status_code == 403
    assert client.post(url("edit", row.pk), TYPED).status_code == 403
    assert client.get(url("preview", row.pk)).status_code == 200


@pytest.mark.parametrize(("person", "status"), [("mira", 403), ("bert", 403)])
def test_staff_who_are_no_product_managers_write_none(personas: Personas, person, status):
    client = personas.client(person)
    row, published = document(published_at=None), document(title="Others")

    answers = {
        client.get(url("add")).status_code,
        client.post(url("edit", row.pk), TYPED).status_code,
        client.post(url("publish", row.pk), {}).status_code,
        client.post(url("new_version", row.pk)).status_code,
        client.post(url("delete_draft", row.pk)).status_code,
        client.post(url("retire", published.pk)).status_code,
    }

    assert answers == {status}
    row.refresh_from_db()
    published.refresh_from_db()
    assert (row.published_at, published.retired_at) == (None, None)


def test_a_document_in_force_is_retired_after_a_question_and_says_so(personas: Personas):
    client = personas.client("root")
    row = document()
    document(title="Others")
    document(version="2", published_at=None)

    offered = page_of(client.get(url("change", row.pk)))
    asked = page_of(client.get(url("retire", row.pk)))
    client.post(url("retire", row.pk))
    row.refresh_from_db()
    page, listed = page_of(client.get(url("change", row.pk))), page_of(client.get(reverse(LIST), {"state": "retired"}))

    assert url("retire", row.pk) in offered
    assert "Nobody is asked to accept Terms any more." in asked
    assert row.retired_at == NOW
    assert "Retired" in page
    assert url("retire", row.pk) not in page
    assert url("change", row.pk) in listed
    assert "Others" not in listed


def test_what_does_not_count_any_more_offers_no_retirement(personas: Personas):
    client = personas.client("root")
    replaced, draft = document(), document(version="3", published_at=None)
    document(version="2", published_at=NOW)
    resellers = document(title="Of Alster IT", reseller=personas.reseller)

    for row in (replaced, draft, resellers):
        assert url("retire", row.pk) not in page_of(client.get(url("change", row.pk)))


# In the partner panel

PANEL = "/partner/terms/"


def paths(row):
    return {
        "list": ("get", PANEL),
        "page": ("get", f"{PANEL}{row.pk}/"),
        "preview": ("get", f"{PANEL}{row.pk}/preview/"),
        "add": ("get", f"{PANEL}add/"),
        "edit": ("get", f"{PANEL}{row.pk}/edit/"),
        "publish": ("get", f"{PANEL}{row.pk}/publish/"),
        "new": ("post", f"{PANEL}{row.pk}/new-version/"),
        "back": ("post", f"{PANEL}{row.pk}/take-back/"),
        "retire": ("post", f"{PANEL}{row.pk}/retire/"),
        "delete": ("post", f"{PANEL}{row.pk}/delete/"),
    }


READS, WRITES = ("list", "page", "preview"), ("add", "edit", "publish", "new", "back", "retire", "delete")


@pytest.mark.parametrize(
    ("person", "reads", "writes"),
    [
        ("nobody", {302}, {302}),
        ("stranger", {403}, {403}),
        ("mira", {403}, {403}),
        ("dora", {404}, {404}),
        ("carol", {404}, {404}),
        ("viewer", {200}, {403}),
        ("buyer", {200}, {403}),
    ],
)
def test_who_may_see_and_write_a_resellers_terms(personas: Personas, person, reads, writes):
    row = document(reseller=personas.reseller, published_at=None)
    if person in ("viewer", "buyer"):
        personas.alice.memberships.update(role=person)
    client = personas.client("alice" if person in ("viewer", "buyer") else person)

    found = {name: getattr(client, method)(path).status_code for name, (method, path) in paths(row).items()}

    assert {found[name] for name in READS} == reads
    assert {found[name] for name in WRITES} == writes
    assert TermsDocument.objects.get() == row


def test_another_resellers_documents_do_not_exist(personas: Personas):
    row = document(reseller=personas.reseller, published_at=None)
    ours = document()
    client = personas.client("bob")

    for one in (row, ours):
        found = {name: getattr(client, method)(path).status_code for name, (method, path) in paths(one).items()}
        assert {found[name] for name in found if name not in ("list", "add")} == {404}
    assert "Words" not in page_of(client.get(PANEL))


def test_a_reseller_writes_previews_and_publishes_its_own_in_its_own_time(personas: Personas):
    client = personas.client("alice")
    typed = {"title": "Terms of Alster IT", "version": "1", "text": "Ours, not theirs.", "summary": ""}

    client.post(f"{PANEL}add/", typed)
    row = TermsDocument.objects.get()
    preview = page_of(client.get(f"{PANEL}{row.pk}/preview/"))
    client.post(f"{PANEL}{row.pk}/publish/", {"publish_at": "2026-11-01T08:00"})
    row.refresh_from_db()

    assert (row.issuer, row.reseller, row.created_by) == ("seller", personas.reseller, personas.alice)
    assert "Terms of Alster IT" in preview
    assert row.published_at.isoformat() == "2026-11-01T07:00:00+00:00"
    assert "Scheduled" in page_of(client.get(PANEL))


def test_the_panel_says_whose_terms_customers_accept(personas: Personas):
    client = personas.client("alice")
    before = page_of(client.get(PANEL))
    document(reseller=personas.reseller)

    after = page_of(client.get(PANEL))

    assert "Your customers accept the terms of Northwind Cloud GmbH" in before
    assert "Your customers accept these at the checkout" in after


def test_a_reseller_retires_its_own_and_its_customers_accept_the_msps_again(personas: Personas):
    client = personas.client("alice")
    row = document(reseller=personas.reseller)

    offered = page_of(client.get(f"{PANEL}{row.pk}/"))
    answer = page_of(client.post(f"{PANEL}{row.pk}/retire/", follow=True))
    again = page_of(client.post(f"{PANEL}{row.pk}/retire/", follow=True))

    assert "Retire for good" in offered
    assert "none of your customers is asked to accept it any more" in answer
    assert "Retire for good" not in again
    assert "nobody is asked to accept it any more" in again
    assert "Your customers accept the terms of Northwind Cloud GmbH" in page_of(client.get(PANEL))


def test_a_refused_form_keeps_what_was_typed_and_says_why(personas: Personas):
    document(reseller=personas.reseller)
    client = personas.client("alice")

    page = page_of(client.post(f"{PANEL}add/", {"title": "Terms", "version": "1", "text": "A long text."}))
    empty = page_of(client.post(f"{PANEL}add/", {"title": "", "version": "", "text": ""}))
    past = document(title="Old", reseller=personas.reseller, published_at=None)
    late = page_of(client.post(f"{PANEL}{past.pk}/publish/", {"publish_at": "2026-01-01T08:00"}))

    assert "There is a version 1 of Terms already" in page
    assert "A long text." in page
    assert "Enter the text that buyers accept." in empty
    assert "still to come" in late
