"""The database between two tests: what one committed the next does not find, what the migrations added it does."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from post_office.models import EmailTemplate

from billing.models import SubscriptionPhase
from tests import factories
from tests.database import FreshRows, Remembered, migrated_template


@pytest.mark.django_db(transaction=True)
def test_what_a_test_committed_is_gone_even_from_a_ledger():
    fresh = FreshRows()
    factories.SubscriptionFactory()  # with a phase, which a trigger protects
    assert SubscriptionPhase.objects.exists()

    fresh.restore()

    assert FreshRows()._rows == fresh._rows
    assert not SubscriptionPhase.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_the_migrations_added_is_back_after_a_test_that_took_or_changed_it():
    templates = set(EmailTemplate.objects.values_list("pk", "name", "subject"))
    rights = set(Permission.objects.values_list("pk", "codename"))
    assert templates
    assert rights
    fresh = FreshRows()
    EmailTemplate.objects.update(subject="Changed")
    Permission.objects.all().delete()

    fresh.restore()

    assert set(EmailTemplate.objects.values_list("pk", "name", "subject")) == templates
    assert set(Permission.objects.values_list("pk", "codename")) == rights


@pytest.mark.django_db
def test_what_is_remembered_is_there_again_with_its_rows_and_their_history(django_db_setup):
    remembered = Remembered(factories.SubscriptionFactory)
    with transaction.atomic():
        made = remembered.again(django_db_setup)
        history = FreshRows()._rows
        transaction.set_rollback(True)
    assert not SubscriptionPhase.objects.exists()

    again = remembered.again(django_db_setup)

    assert FreshRows()._rows == history
    assert (again.pk, again.plan.name, again.consumer) == (made.pk, made.plan.name, made.consumer)


@pytest.mark.django_db
def test_what_is_remembered_is_made_anew_where_there_are_rows_already(django_db_setup):
    remembered = Remembered(factories.SubscriptionFactory)
    first = remembered.again(django_db_setup)

    second = remembered.again(django_db_setup)

    assert first.pk != second.pk
    assert SubscriptionPhase.objects.count() == 2


@pytest.mark.django_db
def test_the_template_is_made_once(monkeypatch):
    monkeypatch.setattr("tests.database._migrate", lambda database: pytest.fail("migrated again"))

    assert migrated_template() == migrated_template() == connection.settings_dict["TEST"]["TEMPLATE"]
