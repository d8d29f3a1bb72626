"""The pages “Notification & Action Mails” of product groups and plans."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from post_office.models import EmailTemplate

from catalog.models import ActionMail
from tests import factories


@pytest.fixture
def template(db):
    return EmailTemplate.objects.create(name="A mail", subject="Pay", content="Please pay.")


def group_page(group):
    return reverse("admin:catalog_productgroup_action_mails", args=[group.pk])


def plan_page(plan):
    return reverse("admin:catalog_plan_action_mails", args=[plan.pk])


def filled(template, *, reminders=(3, 10), suspension=14, termination=30, initial=0, **changes):
    """The form as a browser sends it; all lines switched on."""
    facts = {"reminder-TOTAL_FORMS": str(len(reminders) + 1), "reminder-INITIAL_FORMS": str(initial)}
    lines = {f"reminder-{n}": days for n, days in enumerate(reminders)} | {"suspension": suspension, "termination": termination}
    for prefix, days in lines.items():
        facts |= {
            f"{prefix}-days": str(days),
            f"{prefix}-template": "" if days == "" else str(template.pk),
            f"{prefix}-is_active": "on",
        }
    facts |= {f"reminder-{len(reminders)}-days": "", f"reminder-{len(reminders)}-is_active": "on"}
    return facts | changes


def rows_of(**owner):
    return list(ActionMail.objects.filter(**owner).order_by("days", "action").values_list("action", "days"))


LADDER = [("reminder", 3), ("reminder", 10), ("suspension", 14), ("termination", 30)]


def test_a_group_page_keeps_reminders_suspension_and_termination(personas, template):
    group = factories.ProductGroupFactory()

    page = personas.client("root").post(group_page(group), filled(template), follow=True).content.decode()

    assert rows_of(product_group=group) == LADDER
    assert "Saved." in page
    assert "Reminder after 3 days, template “A mail”" in page  # the history, with who and when
    assert str(personas.root) in page


def test_saving_the_same_again_changes_nothing(personas, template):
    group = factories.ProductGroupFactory()
    client = personas.client("root")
    client.post(group_page(group), filled(template))

    page = client.post(group_page(group), filled(template, initial=2), follow=True).content.decode()

    assert "Nothing was changed." in page
    assert rows_of(product_group=group) == LADDER


def test_lines_left_empty_do_not_happen(personas, template):
    group = factories.ProductGroupFactory()

    personas.client("root").post(group_page(group), filled(template, reminders=(), suspension="", termination=""), follow=True)

    assert rows_of(product_group=group) == []


def test_a_reminder_is_removed(personas, template):
    group = factories.ProductGroupFactory()
    client = personas.client("root")
    client.post(group_page(group), filled(template))

    client.post(group_page(group), filled(template, initial=2, **{"reminder-0-DELETE": "on"}))

    assert rows_of(product_group=group) == LADDER[1:]


def test_one_more_reminder_is_offered_and_what_was_typed_stays(personas, template):
    group = factories.ProductGroupFactory()

    page = personas.client("root").post(group_page(group), filled(template, more="1")).content.decode()

    assert 'name="reminder-3-days"' in page
    assert 'value="14"' in page
    assert rows_of(product_group=group) == []
    assert "to be put right" not in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reminder-0-days": "x"}, "Enter whole days from 0 to 365."),
        ({"reminder-0-days": "2.5"}, "Enter whole days from 0 to 365."),
        ({"reminder-0-days": "-1"}, "Enter whole days from 0 to 365."),
        ({"suspension-days": "366"}, "Enter whole days from 0 to 365."),
        ({"suspension-days": "9" * 400}, "Enter whole days from 0 to 365."),
        ({"reminder-0-days": "20"}, "Remind before the service is suspended"),
        ({"termination-days": "14"}, "Terminate after the service was suspended"),
        ({"suspension-days": "", "suspension-template": ""}, "Set the suspension too"),
        ({"suspension-template": ""}, "Choose a mail template."),
        ({"suspension-template": "0"}, "Choose a mail template."),
        ({"suspension-template": "drop table"}, "Choose a mail template."),
        ({"termination-days": ""}, "Enter after how many days."),
        ({"reminder-1-days": "3"}, "Another reminder goes out after 3 days already."),
        ({"reminder-TOTAL_FORMS": "x"}, "ManagementForm"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_is_saved(personas, template, changes, said):
    group = factories.ProductGroupFactory()

    response = personas.client("root").post(group_page(group), filled(template) | changes)

    assert response.status_code == 200
    assert said in response.content.decode()
    assert rows_of(product_group=group) == []


def test_a_plan_shows_that_it_follows_its_group(personas, template):
    plan = factories.PlanFactory()
    client = personas.client("root")
    client.post(group_page(plan.product_group), filled(template))

    page = client.get(plan_page(plan)).content.decode()

    assert "This plan follows its product group" in page
    assert "Use own settings" in page
    assert "A mail" in page


def test_own_settings_begin_as_a_copy_and_can_be_given_back(personas, template):
    plan = factories.PlanFactory()
    client = personas.client("root")
    client.post(group_page(plan.product_group), filled(template))

    page = client.get(f"{plan_page(plan)}?own=1").content.decode()
    assert 'value="14"' in page

    client.post(plan_page(plan), filled(template, reminders=(), suspension=60, termination=90, initial=0))
    page = client.get(plan_page(plan)).content.decode()
    assert rows_of(plan=plan) == [("suspension", 60), ("termination", 90)]
    assert "This plan has settings of its own." in page
    assert plan.name in client.get(group_page(plan.product_group)).content.decode()

    page = client.post(reverse("admin:catalog_plan_follow_group", args=[plan.pk]), follow=True).content.decode()
    assert rows_of(plan=plan) == []
    assert rows_of(product_group=plan.product_group) == LADDER
    assert "back to those of the product group" in page


def test_a_plan_with_nothing_of_its_own_is_refused_with_a_sentence(personas, template):
    plan = factories.PlanFactory()

    page = (
        personas.client("root")
        .post(plan_page(plan), filled(template, reminders=(), suspension="", termination=""))
        .content.decode()
    )

    assert "Set at least one, switched off if need be" in page


def test_going_back_to_the_group_is_not_for_get(personas):
    plan = factories.PlanFactory()

    assert personas.client("root").get(reverse("admin:catalog_plan_follow_group", args=[plan.pk])).status_code == 405


@pytest.mark.parametrize(("person", "looks", "changes"), [("dora", 302, 302), ("mira", 403, 403), ("root", 200, 302)])
def test_only_staff_who_may_look_and_change(personas, template, person, looks, changes):
    plan = factories.PlanFactory()
    client = personas.client(person)

    for url in (plan_page(plan), group_page(plan.product_group)):
        assert client.get(url).status_code == looks
        assert client.post(url, filled(template)).status_code == changes
    assert ActionMail.objects.exists() is (person == "root")


def test_who_may_only_look_is_offered_nothing(personas, template):
    plan = factories.PlanFactory()
    personas.mira.user_permissions.add(Permission.objects.get(codename="view_actionmail"))
    client = personas.client("mira")

    page = client.get(group_page(plan.product_group)).content.decode()

    assert "Save mails" not in page
    assert client.post(group_page(plan.product_group), filled(template)).status_code == 403
    assert client.post(reverse("admin:catalog_plan_follow_group", args=[plan.pk])).status_code == 403


def test_a_group_or_plan_that_is_not_there_is_not_found(personas):
    client = personas.client("root")

    for name in ("catalog_productgroup_action_mails", "catalog_plan_action_mails"):
        assert client.get(reverse(f"admin:{name}", args=[999_999])).status_code == 404


def test_the_list_leads_to_the_page_of_the_owner(personas, template):
    plan = factories.PlanFactory()
    of_plan = ActionMail.objects.create(plan=plan, action="reminder", days=3, template=template)
    of_group = ActionMail.objects.create(product_group=plan.product_group, action="reminder", days=4, template=template)
    client = personas.client("root")

    page = client.get(reverse("admin:catalog_actionmail_changelist")).content.decode()

    assert plan.number in page
    for row, url in ((of_plan, plan_page(plan)), (of_group, group_page(plan.product_group))):
        assert client.get(reverse("admin:catalog_actionmail_change", args=[row.pk])).headers["Location"] == url


def test_a_page_with_many_reminders_asks_no_more_of_the_database(personas, template):
    group = factories.ProductGroupFactory()
    client = personas.client("root")

    def queries():
        with CaptureQueriesContext(connection) as seen:
            assert client.get(group_page(group)).status_code == 200
        return len(seen)

    client.get(group_page(group))
    empty = queries()
    ActionMail.objects.bulk_create(ActionMail(product_group=group, action="reminder", days=n, template=template) for n in range(12))

    assert queries() <= empty + 1
