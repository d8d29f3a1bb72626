"""The migrations that a new database takes instead of the many that came about one by one: they stand for exactly those."""

from typing import Any

import pytest
from django.db import migrations
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState

SQUASHED = ["accounts", "billing", "catalog", "ordering", "provisioning"]
ONLY_MENDS_WHAT_WAS_THERE_BEFORE = {
    ("billing", "0005_trials_of_present_subscriptions", "promise_an_end"),
    ("billing", "0007_first_phases", "begin_first_phases"),
    ("billing", "0007_first_phases", "tell_when_runs_looked"),
    ("catalog", "0003_settings_of_present_plans", "add"),
}


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    """Return all migrations as the files say, the replaced ones beside those that replace them; no database is asked."""
    return MigrationLoader(None, replace_migrations=False)


def _squash(loader: MigrationLoader, app: str) -> Migration:
    (squash,) = (one for (label, _), one in loader.disk_migrations.items() if label == app and one.replaces)
    return squash


def _models(state: ProjectState) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return what each model of ours is at that state, as plain values; fields in the order of their columns."""
    plain = MigrationAutodetector(state, state).deep_deconstruct
    return {
        key: ([(name, plain(field)) for name, field in model.fields.items()], model.options, model.bases, plain(model.managers))
        for key, model in state.models.items()
        if key[0] in SQUASHED
    }


@pytest.mark.parametrize("app", SQUASHED)
def test_a_squashed_migration_replaces_all_files_up_to_the_number_in_its_name(loader, app):
    squash = _squash(loader, app)
    _, _, last, *_ = squash.name.split("_")

    before = sorted(name for label, name in loader.disk_migrations if label == app and name[:4] <= last and name != squash.name)

    assert squash.replaces == [(app, name) for name in before]
    assert squash.name == f"0001_squashed_{before[-1]}"


def test_squashed_migrations_make_the_models_that_the_replaced_ones_make(loader):
    squashes = [_squash(loader, app) for app in SQUASHED]

    made = _models(loader.project_state([(one.app_label, one.name) for one in squashes]))

    wanted = _models(loader.project_state([one.replaces[-1] for one in squashes]))
    assert made.keys() == wanted.keys()
    for key, model in wanted.items():
        assert made[key] == model, key


def test_every_row_that_a_replaced_migration_writes_into_an_empty_database_is_written_by_the_squashed_one(loader):
    squashes = [_squash(loader, app) for app in SQUASHED]

    kept = [(one.app_label, *_writes(one)) for one in squashes]

    replaced = {
        (app, name, write) for one in squashes for app, name in one.replaces for write in _writes(loader.disk_migrations[app, name])
    }
    assert kept == [("accounts",), ("billing",), ("catalog", "add"), ("ordering",), ("provisioning",)]
    assert replaced - ONLY_MENDS_WHAT_WAS_THERE_BEFORE == {("catalog", "0004_action_mail_templates", "add")}


def _writes(migration: Migration) -> list[str]:
    """Return the names of the functions and the statements by which a migration does more than change the models."""
    writes = (one for one in migration.operations if isinstance(one, migrations.RunPython | migrations.RunSQL))
    return [one.code.__name__ if isinstance(one, migrations.RunPython) else str(one.sql) for one in writes]
