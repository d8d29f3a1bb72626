"""
How a quantity came about, as numbers: what the working of an invoice line says beside prices and cost.

Workings are of any age. What a line does not say is null, and nothing that is not named here is told.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from rest_framework import serializers

DECIMAL = "A decimal number."


class ShareSerializer(serializers.Serializer[Any]):
    """A part of a whole, exact: the days under one plan, of all days that are billed in the month."""

    part = serializers.IntegerField()
    whole = serializers.IntegerField()


class TierSerializer(serializers.Serializer[Any]):
    """From above which quantity up to and including which the price holds."""

    mode = serializers.CharField(help_text="graduated: for what lies in it. volume: for all, because the quantity reaches it.")
    above = serializers.CharField(help_text=DECIMAL)
    up_to = serializers.CharField(allow_null=True, help_text="A decimal number; null: without end.")


class OverageSerializer(serializers.Serializer[Any]):
    """What was used above a quota, in GB (1024³ bytes)."""

    quota = serializers.CharField(allow_null=True, help_text=DECIMAL)
    day = serializers.DateField(allow_null=True, help_text="The day of the highest level.")
    highest = serializers.CharField(allow_null=True, help_text=DECIMAL)
    above = serializers.CharField(allow_null=True, help_text="What of the highest level lies above the quota, a decimal number.")
    billed_before = serializers.CharField(
        allow_null=True, help_text="What of that was billed in the month before, a decimal number."
    )


class MinimumSerializer(serializers.Serializer[Any]):
    """What a month costs at least, in the currency of the invoice."""

    minimum = serializers.CharField(allow_null=True, help_text="For the days that are billed, a decimal number.")
    charged = serializers.CharField(allow_null=True, help_text="What else is charged for the month, a decimal number.")
    days = serializers.IntegerField(allow_null=True, help_text="How many days are billed.")
    days_of_month = serializers.IntegerField(allow_null=True)


class FixedSerializer(serializers.Serializer[Any]):
    """What the quantity of a fixed price is made of: units × days ÷ days of the month or term."""

    units = serializers.IntegerField(allow_null=True)
    days = serializers.IntegerField(allow_null=True)
    of_days = serializers.IntegerField(allow_null=True, help_text="Of the whole month or term.")
    price_from = serializers.DateField(help_text="Since when it is sold at the price.")
    term_months = serializers.IntegerField(allow_null=True)
    term_number = serializers.IntegerField(allow_null=True, help_text="Which term it is, of what is paid in advance.")
    term_from = serializers.DateField(allow_null=True)
    term_to = serializers.DateField(allow_null=True, help_text="Itself included.")


class WorkingSerializer(serializers.Serializer[Any]):
    """From what was measured or agreed to the quantity. Null where it does not apply, or a line of old does not say it."""

    aggregation = serializers.CharField(
        allow_null=True,
        help_text=(
            "How readings became one number. last: the level of the last day. max: the highest. "
            "average: of all days. sum: what the days added."
        ),
    )
    measured = serializers.CharField(allow_null=True, help_text="That number in the vendor's unit, a decimal number.")
    measurement_unit = serializers.CharField(allow_null=True, help_text="The vendor's: bytes, seconds, or a count.")
    divisor = serializers.CharField(allow_null=True, help_text="How many of the vendor's make one of the line's unit.")
    share = ShareSerializer(allow_null=True, help_text="Null: all of it.")
    used = serializers.CharField(allow_null=True, help_text="In the line's unit before free units came off, a decimal number.")
    included = serializers.CharField(allow_null=True, help_text="Free units that came off, a decimal number.")
    tier = TierSerializer(allow_null=True)
    overage = OverageSerializer(allow_null=True)
    minimum = MinimumSerializer(allow_null=True)
    fixed = FixedSerializer(allow_null=True)
    quantity = serializers.CharField(
        allow_null=True, help_text="What it comes to, a decimal number. The line has the difference to what was billed before."
    )


def working_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Write what a line's working says of the quantity."""
    share = said.get("share") or None
    return {
        "aggregation": said.get("aggregation"),
        "measured": _text(said.get("measured")),
        "measurement_unit": said.get("measurement_unit"),
        "divisor": _text(said.get("divisor")),
        "share": share and {"part": share[0], "whole": share[1]},
        "used": _text(said.get("used")),
        "included": _text(said.get("included")),
        "tier": _tier(said.get("tier") or {}),
        "overage": _overage(said.get("overage") or {}),
        "minimum": _minimum(said.get("commitment") or {}),
        "fixed": _fixed(said),
        "quantity": _text(said.get("quantity")),
    }


def _tier(said: Mapping[str, Any]) -> dict[str, Any] | None:
    if not said:
        return None
    return {"mode": said.get("mode", ""), "above": _text(said.get("from")) or "0", "up_to": _text(said.get("to"))}


def _overage(said: Mapping[str, Any]) -> dict[str, Any] | None:
    if not said:
        return None
    amounts = {name: _text(said.get(name)) for name in ("quota", "highest", "above")}
    return {**amounts, "day": said.get("day"), "billed_before": _text(said.get("billed_above"))}


def _minimum(said: Mapping[str, Any]) -> dict[str, Any] | None:
    if not said:
        return None
    amounts = {"minimum": _text(said.get("minimum")), "charged": _text(said.get("billed"))}
    return {**amounts, "days": said.get("days"), "days_of_month": said.get("days_of_month")}


def _fixed(said: Mapping[str, Any]) -> dict[str, Any] | None:
    if "price_from" not in said:
        return None
    first, end = said.get("term") or (None, None)
    return {
        "units": said.get("units"),
        "days": said.get("days"),
        "of_days": said.get("days_of_term") or said.get("days_of_month"),
        "price_from": said["price_from"],
        "term_months": said.get("term_months"),
        "term_number": said.get("term_number"),
        "term_from": first,
        "term_to": end and (date.fromisoformat(end) - timedelta(days=1)).isoformat(),
    }


def _text(number: Any) -> str | None:
    return None if number is None else str(number)
