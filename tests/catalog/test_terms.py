"""The life of terms of use, and whose terms a buyer accepts."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from psycopg import sql

from catalog.models import TermsDocument
from catalog.operations import terms
from catalog.operations.terms import CannotRetire, TermsArePublished, TermsWords, suggested_version
from common.errors import FieldRefused
from tests.factories import AT

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=30)
LONG_AGO, FAR_OFF = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
"""On which side of now the database, too, knows them to be."""
WORDS = TermsWords(title="Terms of Service", version="1", text="You pay in time.", summary="")


def document(title="Terms of Service", version="1", *, issuer="seller", reseller=None, published_at=AT, **facts):
    return TermsDocument.objects.create(
        title=title, version=version, issuer=issuer, reseller=reseller, published_at=published_at, **{"text": "Words.", **facts}
    )


def accepted_by(buyer, at=LATER):
    return [str(one) for one in TermsDocument.objects.applying_to(buyer, at)]


# Whose terms


def test_everybody_accepts_the_vendors_and_the_newest_of_each_of_the_msps(personas):
    document("Acronis Terms", "2", issuer="vendor")
    document("Terms of Service", "1")
    document("Terms of Service", "2", published_at=AT + timedelta(days=1))
    document("Terms of Service", "3", published_at=None)
    document("Terms of Service", "4", published_at=LATER + timedelta(seconds=1))
    document("Data Processing", "1")

    expected = ["Acronis Terms, version 2", "Data Processing, version 1", "Terms of Service, version 2"]
    for buyer in (personas.direct_customer, personas.reseller, personas.resellers_customer):
        assert accepted_by(buyer) == expected, buyer


def test_a_scheduled_version_counts_from_its_moment_on(personas):
    document(version="1")
    document(version="2", published_at=LATER)

    assert accepted_by(personas.direct_customer, LATER - timedelta(microseconds=1)) == ["Terms of Service, version 1"]
    assert accepted_by(personas.direct_customer, LATER) == ["Terms of Service, version 2"]


def test_a_resellers_customer_accepts_its_resellers_own_instead_of_the_msps_and_nobody_else_does(personas):
    document("Acronis Terms", "2", issuer="vendor")
    document("Terms of Service", "1")
    document("Terms of Alster IT", "1", reseller=personas.reseller)

    assert accepted_by(personas.resellers_customer) == ["Acronis Terms, version 2", "Terms of Alster IT, version 1"]
    for buyer in (personas.direct_customer, personas.reseller, personas.other_reseller):
        assert accepted_by(buyer) == ["Acronis Terms, version 2", "Terms of Service, version 1"], buyer


def test_a_resellers_draft_replaces_nothing(personas):
    document("Terms of Service", "1")
    document("Terms of Alster IT", "1", reseller=personas.reseller, published_at=None)
    document("Terms of Alster IT", "2", reseller=personas.reseller, published_at=LATER + timedelta(days=1))

    assert accepted_by(personas.resellers_customer) == ["Terms of Service, version 1"]


# Drafts, publication, new versions


def test_a_draft_is_published_now_or_at_a_moment_to_come(personas):
    first = terms.add_terms(issuer="seller", reseller=None, words=WORDS, by=personas.root)
    second = terms.new_version_of_terms(document_id=first.pk, by=personas.root, today=AT.date())

    assert first.published_at is None
    assert terms.publish_terms(document_id=first.pk, publish_at=None, at=AT).published_at == AT
    assert second == first  # it was still a draft itself, so there was nothing to make


def test_a_moment_past_is_refused_beside_its_field(personas):
    draft = terms.add_terms(issuer="seller", reseller=None, words=WORDS, by=personas.root)

    with pytest.raises(FieldRefused, match="still to come") as refusal:
        terms.publish_terms(document_id=draft.pk, publish_at=AT - timedelta(minutes=1), at=AT)

    assert refusal.value.field == "publish_at"


@pytest.mark.parametrize("what", ["change", "publish", "delete", "take back"])
def test_published_terms_never_change(personas, what):
    row = document()
    words = TermsWords(title="Terms of Service", version="1", text="You owe us more.")
    use_cases = {
        "change": lambda: terms.change_terms(document_id=row.pk, words=words),
        "publish": lambda: terms.publish_terms(document_id=row.pk, publish_at=LATER, at=AT),
        "delete": lambda: terms.delete_terms(document_id=row.pk),
        "take back": lambda: terms.take_back_terms(document_id=row.pk, at=LATER),
    }

    with pytest.raises(TermsArePublished, match="Published terms never change"):
        use_cases[what]()

    row.refresh_from_db()
    assert (row.text, row.published_at) == ("Words.", AT)


def test_what_is_scheduled_is_not_edited_but_can_be_made_a_draft_again(personas):
    row = document(published_at=FAR_OFF)

    with pytest.raises(TermsArePublished):
        terms.change_terms(document_id=row.pk, words=WORDS)
    terms.take_back_terms(document_id=row.pk, at=AT)
    changed = terms.change_terms(document_id=row.pk, words=WORDS)

    assert (changed.published_at, changed.text) == (None, "You pay in time.")


def test_a_draft_is_deleted_once_and_again(personas):
    row = document(published_at=None)

    terms.delete_terms(document_id=row.pk)
    terms.delete_terms(document_id=row.pk)

    assert not TermsDocument.objects.exists()


# What the database holds, whoever asks


def refused(statement, *values):
    """Run raw SQL and say what the database answers; it must refuse."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return str(refusal.value)


OTHERWISE = {
    "text": "You owe us more.",
    "title": "Others",
    "version": "2",
    "summary": "New.",
    "issuer": "vendor",
    "created_by_id": 1,
}


def test_no_statement_changes_or_deletes_what_is_published(personas):
    row = document(published_at=LONG_AGO)

    for column, value in OTHERWISE.items():
        statement = sql.SQL("UPDATE catalog_termsdocument SET {} = %s WHERE id = %s").format(sql.Identifier(column))
        assert "published terms never change" in refused(statement, value, row.pk)
    for moment in (None, FAR_OFF):
        said = refused("UPDATE catalog_termsdocument SET published_at = %s WHERE id = %s", moment, row.pk)
        assert "stays so from that moment on" in said
    assert "never deleted" in refused("DELETE FROM catalog_termsdocument WHERE id = %s", row.pk)
    assert TermsDocument.objects.values_list("text", "published_at").get() == ("Words.", LONG_AGO)


def test_what_is_scheduled_keeps_its_words_until_it_is_a_draft_again(personas):
    row = document(published_at=FAR_OFF)

    assert "never change" in refused("UPDATE catalog_termsdocument SET text = 'x', published_at = NULL WHERE id = %s", row.pk)
    TermsDocument.objects.filter(pk=row.pk).update(published_at=None)
    TermsDocument.objects.filter(pk=row.pk).update(text="Other words.")
    TermsDocument.objects.filter(pk=row.pk).delete()

    assert not TermsDocument.objects.exists()


def test_a_retirement_is_after_the_publication_and_for_good(personas):
    draft, row = document(published_at=None), document(version="2", published_at=LONG_AGO)
    retire = "UPDATE catalog_termsdocument SET retired_at = %s WHERE id = %s"

    assert "termsdocument_retired_once_published" in refused(retire, AT, draft.pk)
    assert "termsdocument_retired_once_published" in refused(retire, LONG_AGO - timedelta(days=1), row.pk)
    TermsDocument.objects.filter(pk=row.pk).update(retired_at=AT)
    for moment in (None, LATER):
        assert "retired stay so" in refused(retire, moment, row.pk)


# Retired


def test_a_retired_document_is_asked_for_in_no_version_until_a_new_one_is_published(personas):
    document("Terms of Service", "1", published_at=LONG_AGO)
    row = document("Terms of Service", "2")
    document("Data Processing", "1")

    terms.retire_terms(document_id=row.pk, by=personas.root, at=LATER)
    again = terms.retire_terms(document_id=row.pk, by=personas.root, at=LATER + timedelta(days=1))
    after = accepted_by(personas.direct_customer)
    document("Terms of Service", "3", published_at=LATER)

    assert again.retired_at == LATER
    assert after == ["Data Processing, version 1"]
    assert accepted_by(personas.direct_customer, LATER - timedelta(seconds=1)) == [
        "Data Processing, version 1",
        "Terms of Service, version 2",
    ]
    assert accepted_by(personas.direct_customer) == ["Data Processing, version 1", "Terms of Service, version 3"]


def test_where_a_reseller_retired_its_own_its_customers_accept_the_msps(personas):
    document("Terms of Service", "1")
    own = document("Terms of Alster IT", "1", reseller=personas.reseller)

    terms.retire_terms(document_id=own.pk, by=personas.alice, at=LATER)

    assert accepted_by(personas.resellers_customer) == ["Terms of Service, version 1"]


def test_only_what_counts_is_retired_and_never_the_last_that_everybody_accepts(personas):
    replaced, newest = document(version="1"), document(version="2", published_at=AT + timedelta(days=1))
    draft, scheduled = document("Draft", published_at=None), document("Coming", published_at=FAR_OFF)
    document("Of Alster IT", reseller=personas.reseller)

    for row, why in (
        (replaced, "Version 2 counts"),
        (draft, "Only what is published"),
        (scheduled, "Only what"),
        (newest, "the last"),
    ):
        with pytest.raises(CannotRetire, match=why):
            terms.retire_terms(document_id=row.pk, by=personas.root, at=LATER)

    assert not TermsDocument.objects.filter(retired_at__isnull=False).exists()


# New versions


def test_a_new_version_begins_with_the_words_of_the_earlier_and_is_made_once(personas):
    row = document(version="3", text="Words that stay.", summary="Old news.", reseller=personas.reseller)

    draft = terms.new_version_of_terms(document_id=row.pk, by=personas.alice, today=AT.date())
    again = terms.new_version_of_terms(document_id=row.pk, by=personas.alice, today=AT.date())

    assert again == draft
    assert (draft.title, draft.version, draft.text, draft.summary) == (row.title, "4", "Words that stay.", "")
    assert (draft.reseller, draft.issuer, draft.created_by) == (personas.reseller, "seller", personas.alice)


def test_a_version_is_there_once_for_each_title_and_issuer(personas):
    document(version="1")
    terms.add_terms(issuer="seller", reseller=personas.reseller, words=WORDS, by=personas.alice)

    with pytest.raises(FieldRefused, match="version 1 of Terms of Service already") as refusal:
        terms.add_terms(issuer="seller", reseller=None, words=WORDS, by=personas.root)

    assert refusal.value.field == "version"


@pytest.mark.parametrize(
    ("earlier", "taken", "suggested"),
    [
        ("3", {"3"}, "4"),
        ("3", {"3", "4", "5"}, "6"),
        ("1.9", {"1.9"}, "1.10"),
        ("v2", {"v2"}, "v3"),
        ("2026-01", {"2026-01"}, "2026-10"),
        ("2026-10", {"2026-10"}, "2026-10.2"),
        ("2026-10", {"2026-10", "2026-10.2"}, "2026-10.3"),
        ("2026-10.2", {"2026-10", "2026-10.2"}, "2026-10.3"),
        ("final", {"final"}, "final.2"),
    ],
)
def test_the_next_version_is_suggested(earlier, taken, suggested):
    assert suggested_version(earlier, taken=taken, today=date(2026, 10, 15)) == suggested


def test_a_version_that_was_replaced_says_so(personas):
    old, new = document(version="1"), document(version="2", published_at=AT + timedelta(days=1))
    resellers = document(version="1", reseller=personas.reseller)

    found = {row.pk: row.has_newer for row in TermsDocument.objects.with_newer(LATER)}

    assert found == {old.pk: True, new.pk: False, resellers.pk: False}
