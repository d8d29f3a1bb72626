"""Subscriptions, usage, rate cards, billing runs, invoices and payments: rows that are written once and explain every amount."""

from billing.models.agreements import SubscriptionAllowance, SubscriptionCommitment, SubscriptionPhase
from billing.models.credit_notes import CreditNote, CreditNoteLine
from billing.models.invoices import BillingRun, Invoice, InvoiceLine, InvoiceQuerySet, ParkedAccount, TaxTotal
from billing.models.payments import BankStatement, Payment, PaymentAllocation
from billing.models.price_changes import PriceChange, PriceChangeRow
from billing.models.rate_cards import ExchangeRate, Rate, RateCard, RateCardDraft
from billing.models.subscriptions import Subscription, SubscriptionPrice, SubscriptionQuerySet
from billing.models.usage import UnmappedUsage, UsageChange, UsageEstimate, UsageRecord

__all__ = [
    "BankStatement",
    "BillingRun",
    "CreditNote",
    "CreditNoteLine",
    "ExchangeRate",
    "Invoice",
    "InvoiceLine",
    "InvoiceQuerySet",
    "ParkedAccount",
    "Payment",
    "PaymentAllocation",
    "PriceChange",
    "PriceChangeRow",
    "Rate",
    "RateCard",
    "RateCardDraft",
    "Subscription",
    "SubscriptionAllowance",
    "SubscriptionCommitment",
    "SubscriptionPhase",
    "SubscriptionPrice",
    "SubscriptionQuerySet",
    "TaxTotal",
    "UnmappedUsage",
    "UsageChange",
    "UsageEstimate",
    "UsageRecord",
]
