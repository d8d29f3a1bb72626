"""Forms about terms of use: what a version says, and from when it counts. The back office's look different, not otherwise."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from catalog.models import TermsDocument
from catalog.operations.terms import TermsWords

LONGEST_TEXT = 200_000
_MOMENT = "%Y-%m-%dT%H:%M"


class TermsDraftForm(forms.Form):
    """What a draft says."""

    title = forms.CharField(
        max_length=200,
        help_text="For example Terms of Service. Versions of one title follow each other; of each title the newest is accepted.",
        error_messages={"required": "Give the document a title."},
    )
    version = forms.CharField(
        max_length=20, help_text="For example 2026-11 or 3.", error_messages={"required": "Give the version a number."}
    )
    summary = forms.CharField(
        label="What is new",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown to buyers who accepted an earlier version.",
    )
    text = forms.CharField(
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 24}),
        help_text="Plain text. An empty line begins a new paragraph.",
        error_messages={"required": "Enter the text that buyers accept."},
    )

    def __init__(self, *args: Any, document: TermsDocument | None = None, **kwargs: Any) -> None:
        """:param document: the draft that is changed; with earlier versions its title stays."""
        names = ("title", "version", "summary", "text")
        kwargs["initial"] = {name: getattr(document, name) for name in names} if document is not None else {}
        super().__init__(*args, **kwargs)
        if document is not None and TermsDocument.objects.versions_of(document).exclude(pk=document.pk).exists():
            self.fields["title"].disabled = True
            self.fields["title"].help_text = "Stays that of the earlier versions."

    def words(self) -> TermsWords:
        """Return what was typed, as the operations take it."""
        typed = self.cleaned_data
        text = typed["text"].replace("\r\n", "\n")
        return TermsWords(title=typed["title"], version=typed["version"], text=text, summary=typed["summary"].replace("\r\n", "\n"))


class PublishTermsForm(forms.Form):
    """From when a draft counts. Moments are those of the current time zone."""

    publish_at = forms.DateTimeField(
        label="Publish at",
        required=False,
        input_formats=[_MOMENT, "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(format=_MOMENT, attrs={"type": "datetime-local"}),
        help_text="Empty: now.",
        error_messages={"invalid": "Give a day and a time, for example 2026-12-01 08:00, or none to publish now."},
    )


class BssTermsDraftForm(TermsDraftForm):
    """The same in the back office; a new document is the vendor's or the MSP's."""

    issuer = forms.ChoiceField(
        label="Whose",
        choices=TermsDocument.Issuer,
        widget=UnfoldAdminSelectWidget(),
        help_text="The vendor's, or your own as the seller.",
    )
    field_order = ("issuer", "title", "version", "summary", "text")

    def __init__(self, *args: Any, document: TermsDocument | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            del self.fields["issuer"]
        for name in ("title", "version"):
            self.fields[name].widget = UnfoldAdminTextInputWidget()
        self.fields["summary"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
        self.fields["text"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 24})


class BssPublishTermsForm(PublishTermsForm):
    """The same in the back office."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["publish_at"].widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
