"""Forms of the back office about notification & action mails and their templates."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.forms import BaseForm, formset_factory
from post_office.models import EmailTemplate
from unfold.widgets import UnfoldAdminSelectWidget as Select
from unfold.widgets import (
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from catalog.action_mail_templates import LONGEST_TEMPLATE, SAMPLES, TemplateRefused, Words, check, render
from catalog.models import ActionMail
from catalog.operations.action_mails import LATEST_DAY, MOST_REMINDERS, ActionMailsRefused, NewActionMail

Action = ActionMail.Action


class ActionMailForm(forms.Form):
    """One line of the page: after how many days, by which template, on or off. Left empty, it does not happen."""

    days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=LATEST_DAY,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
        error_messages={
            "invalid": f"Enter whole days from 0 to {LATEST_DAY}.",
            "min_value": f"Enter whole days from 0 to {LATEST_DAY}.",
            "max_value": f"Enter whole days from 0 to {LATEST_DAY}.",
        },
    )
    template = forms.TypedChoiceField(
        label="Mail template",
        required=False,
        coerce=int,
        empty_value=None,
        widget=Select(),
        error_messages={"invalid_choice": "Choose a mail template."},
    )
    is_active = forms.BooleanField(label="On", required=False, initial=True, widget=UnfoldBooleanWidget())

    def __init__(self, *args: Any, templates: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["template"].choices = [("", "Choose…"), *templates]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("DELETE") or self.errors:
            return cleaned
        if cleaned.get("days") is None and cleaned.get("template"):
            self.add_error("days", "Enter after how many days.")
        if cleaned.get("days") is not None and not cleaned.get("template"):
            self.add_error("template", "Choose a mail template.")
        return cleaned

    def wish(self, action: str) -> NewActionMail | None:
        """Return what the line asks for, or nothing where it is empty or to be removed."""
        cleaned = self.cleaned_data
        if cleaned.get("DELETE") or cleaned.get("days") is None:
            return None
        return NewActionMail(action, cleaned["days"], cleaned["template"], cleaned["is_active"])


class ActionMailsForm:
    """The whole page: any number of reminders, one suspension, one termination."""

    def __init__(self, post: Any = None, *, present: Sequence[ActionMail] = (), more: int = 0) -> None:
        """
        :param post: what was sent, or None to show ``present``.
        :param more: how many empty reminders are added to those that are there.
        """
        templates = list(EmailTemplate.objects.filter(default_template__isnull=True).order_by("name").values_list("pk", "name"))
        reminders = [_initial(row) for row in present if row.action == Action.REMINDER]
        lines = formset_factory(
            ActionMailForm, extra=more, can_delete=True, max_num=MOST_REMINDERS + 5, absolute_max=MOST_REMINDERS + 5
        )
        self.has_templates = bool(templates)
        self.reminders = lines(post, initial=reminders, prefix="reminder", form_kwargs={"templates": templates})
        self.suspension = self._one(post, present, Action.SUSPENSION, templates)
        self.termination = self._one(post, present, Action.TERMINATION, templates)
        self.refusals: list[str] = []

    @staticmethod
    def _one(post: Any, present: Sequence[ActionMail], action: str, templates: Sequence[tuple[int, str]]) -> ActionMailForm:
        initial = next((_initial(row) for row in present if row.action == action), None)
        return ActionMailForm(post, initial=initial, prefix=action, templates=templates)

    @property
    def lines(self) -> list[tuple[str, Any]]:
        """Every line with its action, in the order of the page."""
        reminders = [(str(Action.REMINDER), form) for form in self.reminders.forms]
        return [*reminders, (str(Action.SUSPENSION), self.suspension), (str(Action.TERMINATION), self.termination)]

    def is_valid(self) -> bool:
        """Look at every line, so that everything that is wrong is told at once."""
        sound = [self.reminders.is_valid(), *(form.is_valid() for _, form in self.lines)]
        self.refusals = [str(error) for error in self.reminders.non_form_errors()]
        return all(sound)

    def wishes(self) -> list[NewActionMail]:
        """Return what the filled lines ask for, in the order of the page."""
        return [new for _, new in self._wished()]

    def refuse(self, refusal: Exception) -> None:
        """Put each problem beside its field, and what belongs to none above the form."""
        if not isinstance(refusal, ActionMailsRefused):
            self.refusals.append(str(refusal))
            return
        forms_wished = [form for form, _ in self._wished()]
        for problem in refusal.problems:
            forms_wished[problem.place].add_error(
                problem.field if problem.field in ("days", "template", "is_active") else None, problem.sentence
            )

    def errors(self) -> list[tuple[str, str]]:
        """Return every sentence with the id of the field it belongs to, for the summary above the form."""
        found = [("", sentence) for sentence in self.refusals]
        for _, form in self.lines:
            found += [
                (form[name].id_for_label if name in form.fields else "", str(s))
                for name, all_of in form.errors.items()
                for s in all_of
            ]
        return found

    def _wished(self) -> list[tuple[BaseForm, NewActionMail]]:
        found = [(form, form.wish(action)) for action, form in self.lines]
        return [(form, new) for form, new in found if new is not None]


def _initial(row: ActionMail) -> dict[str, Any]:
    return {"days": row.days, "template": row.template_id, "is_active": row.is_active}


class MailTemplateForm(forms.ModelForm):
    """The words of a mail. What is not right is told beside its field before anything is kept."""

    name = forms.CharField(
        max_length=255, widget=UnfoldAdminTextInputWidget(), help_text="As it is chosen in Notification & Action Mails."
    )
    description = forms.CharField(
        max_length=500, required=False, widget=UnfoldAdminTextInputWidget(), help_text="What it is for; customers do not see it."
    )
    subject = forms.CharField(max_length=255, widget=UnfoldAdminTextInputWidget(), help_text="One line that says it all.")
    content = forms.CharField(
        label="Text",
        max_length=LONGEST_TEMPLATE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14}),
        help_text="For mail programs that show no HTML. First line: what to do.",
    )
    html_content = forms.CharField(
        label="HTML",
        max_length=LONGEST_TEMPLATE,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 18}),
        help_text="What stands between heading and foot of the mail; its frame comes by itself. Empty: the mail is text alone.",
    )

    class Meta:
        model = EmailTemplate
        fields = ("name", "description", "subject", "content", "html_content")

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        twins = EmailTemplate.objects.filter(name=name, language="", default_template__isnull=True).exclude(pk=self.instance.pk)
        if twins.exists():
            raise forms.ValidationError("There is a template of this name already.")
        return name

    def clean_subject(self) -> str:
        return self._checked("subject")

    def clean_content(self) -> str:
        return self._checked("content")

    def clean_html_content(self) -> str:
        return self._checked("html_content", is_html=True)

    def clean(self) -> dict[str, Any]:
        """Refuse words that leave a mail without a subject or a text, such as a condition that is never met."""
        cleaned = super().clean() or {}
        if not self.errors:
            mail = render(self.words, SAMPLES)
            if not mail.subject:
                self.add_error("subject", "With the sample values the subject is empty.")
            if not mail.text.strip():
                self.add_error("content", "With the sample values the text is empty.")
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # The field's own validator knows tags and variables that these mails do not have, and has other words for an error.
        return {*super()._get_validation_exclusions(), "subject", "content", "html_content"}  # type: ignore[misc]

    @property
    def words(self) -> Words:
        return Words(self.cleaned_data["subject"], self.cleaned_data["content"], self.cleaned_data["html_content"])

    def _checked(self, field: str, *, is_html: bool = False) -> str:
        source = str(self.cleaned_data[field]).replace("\r\n", "\n")
        try:
            check(source, is_html=is_html)
        except TemplateRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return source


class PreviewForm(MailTemplateForm):
    """What is typed so far: the same checks, but neither name nor a free one is asked for."""

    name = forms.CharField(required=False)

    def clean_name(self) -> str:
        return str(self.cleaned_data["name"])
