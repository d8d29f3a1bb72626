"""Every write to notification & action mails, and the test of their templates."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from post_office import mail
from post_office.models import EmailTemplate

from catalog.action_mail_templates import SAMPLES, RenderedMail, Words, render
from catalog.models import ActionMail, Plan, ProductGroup
from common.errors import DomainError

LATEST_DAY = 365
MOST_REMINDERS = 20
Action = ActionMail.Action


@dataclass(frozen=True, slots=True)
class NewActionMail:
    """What is to happen ``days`` after an invoice was due, and by which template the customer is told."""

    action: str
    days: int
    template_id: int
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one of the wished mails: its place in the list, the field, and a sentence."""

    place: int
    field: str
    sentence: str


class ActionMailsRefused(DomainError):
    """The mails contradict each other; ``problems`` says where."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(" ".join(problem.sentence for problem in self.problems))


@transaction.atomic(durable=True)
def set_group_action_mails(*, product_group_id: int, mails: Sequence[NewActionMail]) -> bool:
    """
    Let exactly ``mails`` hold for a product group, and so for each of its plans that has no settings of its own.

    Tell whether anything changed; repeated, nothing does.

    :raises ActionMailsRefused: as `check_action_mails` says it.
    """
    group = ProductGroup.objects.select_for_update(no_key=True).get(pk=product_group_id)
    return _replace(mails, product_group=group)


@transaction.atomic(durable=True)
def set_plan_action_mails(*, plan_id: int, mails: Sequence[NewActionMail]) -> bool:
    """
    Let exactly ``mails`` hold for a plan instead of those of its group. Tell whether anything changed; repeated, nothing does.

    :raises ActionMailsRefused: as `check_action_mails` says it.
    :raises DomainError: there are none; a plan without settings of its own follows its group.
    """
    if not mails:
        raise DomainError("Set at least one, switched off if need be; or go back to the settings of the product group.")
    return _replace(mails, plan=Plan.objects.locked().get(pk=plan_id))


@transaction.atomic(durable=True)
def follow_group(*, plan_id: int) -> bool:
    """Drop a plan's own settings, so that those of its group hold again. Tell whether it had any."""
    plan = Plan.objects.locked().get(pk=plan_id)
    dropped, _ = ActionMail.objects.filter(plan=plan).delete()
    return bool(dropped)


@transaction.atomic(durable=True)
def send_test_mail(*, to: str, words: Words) -> RenderedMail:
    """
    Put a template, filled with sample values, into the outbox for one address. Each call sends one mail.

    :raises TemplateRefused: the template is not right.
    """
    rendered = render(words, SAMPLES)
    put_into_outbox(to, RenderedMail(f"Test: {rendered.subject}", rendered.text, rendered.html))
    return rendered


# Steps: inside the caller's transaction


def put_into_outbox(to: str, rendered: RenderedMail) -> None:
    """Write a rendered mail into the outbox; a task sends it."""
    mail.send(
        recipients=[to],
        # post_office renders what it is given as a template; the finished words go in as values, so that they stay words.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}" if rendered.html else "",
        context={"subject": rendered.subject, "text": rendered.text, "html": rendered.html},
    )


def check_action_mails(mails: Sequence[NewActionMail]) -> None:
    """
    Refuse mails that cannot hold together.

    :raises ActionMailsRefused: days are not 0 to 365; two reminders, suspensions or terminations where one belongs; a reminder not
        before the suspension, a termination not after it or without it; a template that is not there.
    """
    problems = [*_wrong_alone(mails), *_wrong_together(mails)]
    if problems:
        raise ActionMailsRefused(problems)


def _wrong_alone(mails: Sequence[NewActionMail]) -> list[Problem]:
    templates = set(EmailTemplate.objects.filter(pk__in={new.template_id for new in mails}).values_list("pk", flat=True))
    problems = []
    for place, new in enumerate(mails):
        if new.action not in Action.values:
            problems.append(Problem(place, "action", f"“{new.action}” is none of reminder, suspension and termination."))
        if not 0 <= new.days <= LATEST_DAY:
            problems.append(Problem(place, "days", f"Enter whole days from 0 to {LATEST_DAY}."))
        if new.template_id not in templates:
            problems.append(Problem(place, "template", "Choose a mail template."))
    return problems


def _wrong_together(mails: Sequence[NewActionMail]) -> list[Problem]:
    places: dict[str, list[int]] = {action: [] for action in Action.values}
    for place, new in enumerate(mails):
        places.get(new.action, []).append(place)
    return [
        *_more_than_once(mails, places),
        *_out_of_order(mails, reminders=places["reminder"], suspension=places["suspension"], termination=places["termination"]),
    ]


def _more_than_once(mails: Sequence[NewActionMail], places: dict[str, list[int]]) -> list[Problem]:
    problems = [
        Problem(place, "days", f"There is one {action} only.")
        for action in ("suspension", "termination")
        for place in places[action][1:]
    ]
    seen: set[int] = set()
    for place in places["reminder"]:
        if mails[place].days in seen:
            problems.append(Problem(place, "days", f"Another reminder goes out after {_days(mails[place].days)} already."))
        seen.add(mails[place].days)
    problems += [
        Problem(place, "days", f"More than {MOST_REMINDERS} reminders help nobody.")
        for place in places["reminder"][MOST_REMINDERS:]
    ]
    return problems


def _out_of_order(
    mails: Sequence[NewActionMail], *, reminders: list[int], suspension: list[int], termination: list[int]
) -> list[Problem]:
    problems = []
    if suspension:
        last = mails[suspension[0]].days
        problems += [
            Problem(place, "days", f"Remind before the service is suspended: earlier than {_days(last)} after the due date.")
            for place in reminders
            if mails[place].days >= last
        ]
    for place in termination[:1]:
        if not suspension:
            problems.append(Problem(place, "days", "Set the suspension too: a service is suspended before it is terminated."))
        elif mails[place].days <= mails[suspension[0]].days:
            days = _days(mails[suspension[0]].days)
            problems.append(
                Problem(place, "days", f"Terminate after the service was suspended: later than {days} after the due date.")
            )
        elif mails[place].is_active and not mails[suspension[0]].is_active:
            problems.append(
                Problem(place, "is_active", "Switch the suspension on too: a service is suspended before it is terminated.")
            )
    return problems


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _replace(mails: Sequence[NewActionMail], **owner: Plan | ProductGroup) -> bool:
    """Write the difference between what is there and ``mails``; what stays the same stays the row it is."""
    check_action_mails(mails)
    present = {_key(row): row for row in ActionMail.objects.filter(**owner)}
    wanted = {_key(new): new for new in mails}
    gone = [row.pk for key, row in present.items() if key not in wanted]
    ActionMail.objects.filter(pk__in=gone).delete()
    changed = bool(gone)
    for key, new in wanted.items():
        facts = {"days": new.days, "template_id": new.template_id, "is_active": new.is_active}
        row = present.get(key)
        if row is None:
            ActionMail.objects.create(action=new.action, **owner, **facts)
        elif any(getattr(row, name) != value for name, value in facts.items()):
            for name, value in facts.items():
                setattr(row, name, value)
            row.save(update_fields=list(facts))
        else:
            continue
        changed = True
    return changed


def _key(one: ActionMail | NewActionMail) -> tuple[str, int | None]:
    """Reminders are told apart by their days; of the others there is one."""
    return one.action, one.days if one.action == Action.REMINDER else None
