"""Subscriptions, usage, rate cards, billing runs and invoices: rows that are written once and explain every amount."""

from billing.models.invoices import BillingRun, Invoice, InvoiceLine, InvoiceQuerySet, ParkedAccount, TaxTotal
from billing.models.price_changes import PriceChange, PriceChangeRow
from billing.models.rate_cards import ExchangeRate, Rate, RateCard
from billing.models.subscriptions import Subscription, SubscriptionPrice, SubscriptionQuerySet
from billing.models.usage import UnmappedUsage, UsageRecord

__all__ = [
    "BillingRun",
    "ExchangeRate",
    "Invoice",
    "InvoiceLine",
    "InvoiceQuerySet",
    "ParkedAccount",
    "PriceChange",
    "PriceChangeRow",
    "Rate",
    "RateCard",
    "Subscription",
    "SubscriptionPrice",
    "SubscriptionQuerySet",
    "TaxTotal",
    "UnmappedUsage",
    "UsageRecord",
]
