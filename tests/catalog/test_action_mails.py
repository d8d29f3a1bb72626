"""Notification & action mails: what may be set together, and what holds for a plan."""

from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from post_office.models import EmailTemplate

from catalog.models import ActionMail
from catalog.operations import action_mails as operations
from catalog.operations.action_mails import ActionMailsRefused, NewActionMail, check_action_mails
from catalog.queries.action_mails import action_mails_by_plan, action_mails_of
from common.errors import DomainError
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def template():
    return EmailTemplate.objects.create(name="A mail", subject="Pay", content="Please pay.")


def wish(action, days, template, *, is_active=True):
    return NewActionMail(action, days, template.pk, is_active)


def ladder(template):
    return [
        wish("reminder", 3, template),
        wish("reminder", 10, template),
        wish("suspension", 14, template),
        wish("termination", 30, template),
    ]


def rows_of(**owner):
    return list(ActionMail.objects.filter(**owner).order_by("days").values_list("action", "days"))


# --- Setting them -------------------------------------------------------------------------------------------------------


def test_a_group_gets_any_number_of_reminders_a_suspension_and_a_termination(template):
    group = factories.ProductGroupFactory()

    assert operations.set_group_action_mails(product_group_id=group.pk, mails=ladder(template)) is True

    assert rows_of(product_group=group) == [("reminder", 3), ("reminder", 10), ("suspension", 14), ("termination", 30)]


def test_setting_the_same_again_writes_nothing(template):
    group = factories.ProductGroupFactory()
    operations.set_group_action_mails(product_group_id=group.pk, mails=ladder(template))
    before = list(ActionMail.objects.order_by("pk").values())

    assert operations.set_group_action_mails(product_group_id=group.pk, mails=ladder(template)) is False

    assert list(ActionMail.objects.order_by("pk").values()) == before


def test_what_is_left_out_goes_and_the_rest_stays_the_row_it_is(template):
    group = factories.ProductGroupFactory()
    operations.set_group_action_mails(product_group_id=group.pk, mails=ladder(template))
    suspension = ActionMail.objects.get(action="suspension")

    operations.set_group_action_mails(
        product_group_id=group.pk, mails=[wish("reminder", 10, template), wish("suspension", 20, template)]
    )

    assert rows_of(product_group=group) == [("reminder", 10), ("suspension", 20)]
    assert ActionMail.objects.get(action="suspension").pk == suspension.pk


def test_every_change_is_kept_with_what_was_before(template):
    group = factories.ProductGroupFactory()
    for days in (14, 21):
        operations.set_group_action_mails(product_group_id=group.pk, mails=[wish("suspension", days, template)])

    events = apps.get_model("catalog", "ActionMailEvent").objects.order_by("pgh_id").values_list("days", flat=True)
    assert next(iter(events)) == 14
    assert 21 in events


def refusals(mails):
    with pytest.raises(ActionMailsRefused) as refused:
        check_action_mails(mails)
    return [(problem.place, problem.field, problem.sentence) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("mails", "place", "field", "said"),
    [
        ([("reminder", -1)], 0, "days", "from 0 to 365"),
        ([("reminder", 366)], 0, "days", "from 0 to 365"),
        ([("reminder", 14), ("suspension", 14)], 0, "days", "earlier than 14 days"),
        ([("reminder", 15), ("suspension", 1)], 0, "days", "earlier than 1 day after"),
        ([("suspension", 14), ("termination", 14)], 1, "days", "later than 14 days"),
        ([("suspension", 14), ("termination", 3)], 1, "days", "later than 14 days"),
        ([("termination", 30)], 0, "days", "Set the suspension too"),
        ([("reminder", 3), ("reminder", 3)], 1, "days", "after 3 days already"),
        ([("suspension", 3), ("suspension", 5)], 1, "days", "one suspension only"),
        ([("suspension", 3), ("termination", 5), ("termination", 9)], 2, "days", "one termination only"),
        ([("explosion", 3)], 0, "action", "none of reminder"),
        ([("reminder", day) for day in range(21)], 20, "days", "More than 20"),
    ],
)
def test_what_cannot_hold_together_is_refused_at_its_place(template, mails, place, field, said):
    found = refusals([wish(action, days, template) for action, days in mails])

    assert any((place, field) == one[:2] and said in one[2] for one in found), found


def test_a_mail_without_a_template_that_is_there_is_refused():
    assert refusals([NewActionMail("reminder", 3, 0)]) == [(0, "template", "Choose a mail template.")]


def test_a_termination_is_not_switched_on_while_the_suspension_is_off(template):
    found = refusals([wish("suspension", 3, template, is_active=False), wish("termination", 9, template)])

    assert found == [(1, "is_active", "Switch the suspension on too: a service is suspended before it is terminated.")]


def test_all_that_is_wrong_is_told_at_once(template):
    found = refusals([wish("reminder", 400, template), wish("suspension", 14, template), wish("termination", 2, template)])

    assert {place for place, _, _ in found} == {0, 2}


def test_nothing_is_written_where_one_is_refused(template):
    group = factories.ProductGroupFactory()

    with pytest.raises(ActionMailsRefused):
        operations.set_group_action_mails(
            product_group_id=group.pk, mails=[wish("reminder", 3, template), wish("termination", 9, template)]
        )

    assert rows_of(product_group=group) == []


def test_the_database_refuses_a_mail_of_nobody_and_a_second_suspension(template):
    group = factories.ProductGroupFactory()
    ActionMail.objects.create(product_group=group, action="suspension", days=3, template=template)

    for facts in ({}, {"product_group": group}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ActionMail.objects.create(action="suspension", days=9, template=template, **facts)


# --- What holds for a plan ----------------------------------------------------------------------------------------------


def test_a_plan_follows_its_group_until_it_has_settings_of_its_own(template):
    plan = factories.PlanFactory()
    operations.set_group_action_mails(product_group_id=plan.product_group_id, mails=ladder(template))
    assert [mail.days for mail in action_mails_of(plan)] == [3, 10, 14, 30]

    operations.set_plan_action_mails(plan_id=plan.pk, mails=[wish("suspension", 60, template)])
    assert [mail.days for mail in action_mails_of(plan)] == [60]

    assert operations.follow_group(plan_id=plan.pk) is True
    assert [mail.days for mail in action_mails_of(plan)] == [3, 10, 14, 30]
    assert operations.follow_group(plan_id=plan.pk) is False


def test_a_plan_that_switched_all_of_its_own_off_is_left_in_peace(template):
    plan = factories.PlanFactory()
    operations.set_group_action_mails(product_group_id=plan.product_group_id, mails=ladder(template))

    operations.set_plan_action_mails(plan_id=plan.pk, mails=[wish("reminder", 3, template, is_active=False)])

    assert action_mails_of(plan) == []


def test_settings_of_its_own_are_at_least_one(template):
    plan = factories.PlanFactory()

    with pytest.raises(DomainError, match="Set at least one"):
        operations.set_plan_action_mails(plan_id=plan.pk, mails=[])


def test_the_mails_of_many_plans_are_one_query(template):
    plans = factories.PlanFactory.create_batch(5)
    operations.set_group_action_mails(product_group_id=plans[0].product_group_id, mails=ladder(template))
    operations.set_plan_action_mails(plan_id=plans[0].pk, mails=[wish("reminder", 1, template)])

    with CaptureQueriesContext(connection) as queries:
        found = action_mails_by_plan(plans)
        names = {mail.template.name for mails in found.values() for mail in mails}

    assert len(queries) == 1
    assert names == {"A mail"}
    assert [len(found[plan.pk]) for plan in plans] == [1, 4, 4, 4, 4]


def test_the_values_of_a_mail_are_written_for_its_reader():
    from catalog.action_mail_templates import NAMES, mail_values

    values = mail_values(
        seller_name="Northwind",
        buyer_name="Dora",
        invoice_number="INV-1",
        invoice_url="https://till.example.com/invoices/1/",
        plan_name="Backup",
        amount_due=Decimal("1234.5"),
        currency="EUR",
        due_on=date(2026, 11, 1),
        today=date(2026, 11, 7),
        suspended_on=date(2026, 11, 15),
    )

    assert set(values) == NAMES
    assert (values["amount_due"], values["due_date"], values["days_overdue"]) == ("1,234.50 EUR", "1 Nov 2026", "6")
    assert (values["suspension_date"], values["termination_date"]) == ("15 Nov 2026", "")
