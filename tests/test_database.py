"""The database between two tests: what one committed the next does not find, what the migrations added it does."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from post_office.models import EmailTemplate

from billing.models import SubscriptionPhase
from tests import factories
from tests.database import FreshRows, migrated_template


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
def test_the_template_is_made_once(monkeypatch):
    monkeypatch.setattr("tests.database._migrate", lambda database: pytest.fail("migrated again"))

    assert migrated_template() == migrated_template() == connection.settings_dict["TEST"]["TEMPLATE"]
