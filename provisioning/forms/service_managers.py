"""Forms of the back office about integrations with the vendor."""

from typing import Any

from babel.numbers import list_currencies
from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget, UnfoldAdminURLInputWidget

from provisioning.acronis.connection import data_centre_url
from provisioning.models import ServiceManager, VendorStorage

# Which field chooses among the storages that can do what, in the vendor's words.
STORAGES = {
    "default_backup_storage": "backup",
    "default_file_storage": "files_cloud",
    "default_disaster_recovery_storage": "disaster_recovery",
}


class DataCentreForm(forms.Form):
    """Whose data centre is looked for, and the one that was found."""

    login = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Of any user of your tenant at Acronis. Only the name goes there, no password.",
        error_messages={"required": "Enter the login of any user at Acronis."},
    )


class ServiceManagerForm(forms.ModelForm):
    """One integration with the vendor. The secret goes in and is never shown again; left empty, it stays as it is."""

    base_url = forms.URLField(
        label="Data centre",
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget(),
        help_text="For example https://eu2-cloud.acronis.com; “Find the data centre” knows it by a login.",
    )
    client_secret = forms.CharField(
        required=False,
        max_length=500,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
    )

    class Meta:
        model = ServiceManager
        fields = (
            "name",
            "base_url",
            "client_id",
            "client_secret",
            "vendor_currency",
            "fss_per_workload_edition",
            "default_backup_storage",
            "default_file_storage",
            "default_disaster_recovery_storage",
            "activation",
            "max_parallel_calls",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, capability in STORAGES.items():
            if name in self.fields:
                mine = VendorStorage.objects.filter(service_manager=self.instance.pk, is_offered=True)
                self.fields[name].queryset = mine.filter(capabilities__contains=[capability])  # type: ignore[attr-defined]
        if "client_secret" in self.fields:
            kept = "A secret is kept. Leave empty to keep it; type a new one to replace it."
            self.fields["client_secret"].help_text = (
                kept if self.instance.pk else "Shown once by the vendor when you create the API client."
            )

    def clean_base_url(self) -> str:
        try:
            return data_centre_url(self.cleaned_data["base_url"])
        except ValueError:
            raise forms.ValidationError("Enter the address of a data centre, such as https://eu2-cloud.acronis.com.") from None

    def clean_client_secret(self) -> str:
        typed = str(self.cleaned_data["client_secret"])
        if not typed and not self.instance.pk:
            raise forms.ValidationError("Enter the client secret the vendor gave you.")
        return typed or str(self.instance.client_secret)

    def clean_vendor_currency(self) -> str:
        currency = str(self.cleaned_data["vendor_currency"]).upper()
        if currency not in list_currencies():
            raise forms.ValidationError("Give a currency by its three letters, for example EUR.")
        return currency
