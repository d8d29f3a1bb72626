"""Forms of the back office about what is sold."""

from typing import Any

from django import forms

from catalog.models import Plan, ProductGroup


class PlanForm(forms.ModelForm):
    """A plan's facts. Where it stands in the catalogue and what provisions it are settled once it was published."""

    class Meta:
        model = Plan
        fields = (
            "venture",
            "product_group",
            "name",
            "summary",
            "description",
            "applicable_on_partner_website",
            "service_manager",
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        group, manager = cleaned.get("product_group"), cleaned.get("service_manager")
        if isinstance(group, ProductGroup) and manager is not None and not manager.is_active:
            self.add_error("service_manager", f"{manager} is switched off; nothing new is sold through it.")
        if group is not None and cleaned.get("name"):
            twins = Plan.objects.filter(product_group=group, name=cleaned["name"]).exclude(pk=self.instance.pk)
            if twins.exists():
                self.add_error("name", f"{group} has a plan of this name already.")
        return cleaned
