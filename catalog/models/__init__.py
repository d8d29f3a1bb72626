"""What is sold: shelves, plans, their prices and module settings, and what partners may sell."""

from catalog.models.action_mails import ActionMail
from catalog.models.agreements import PlanAllowance, PlanCommitment
from catalog.models.logos import Logo
from catalog.models.module_settings import UNLIMITED_STORAGE, ModuleItem, ModuleSettings
from catalog.models.order_urls import OrderUrl
from catalog.models.partners import HIGHEST_MARKUP_PERCENT, Marketplace, PartnerMarkup, PartnerPrice, PartnerTerms
from catalog.models.plans import FIXED_MODELS, Plan, PlanQuerySet, is_on_sale
from catalog.models.prices import PlanPrice, PlanPriceQuerySet, Term
from catalog.models.shelves import Product, ProductGroup, ProductType, Tax, Venture
from catalog.models.terms import TermsDocument, TermsDocumentQuerySet

__all__ = [
    "FIXED_MODELS",
    "HIGHEST_MARKUP_PERCENT",
    "UNLIMITED_STORAGE",
    "ActionMail",
    "Logo",
    "Marketplace",
    "ModuleItem",
    "ModuleSettings",
    "OrderUrl",
    "PartnerMarkup",
    "PartnerPrice",
    "PartnerTerms",
    "Plan",
    "PlanAllowance",
    "PlanCommitment",
    "PlanPrice",
    "PlanPriceQuerySet",
    "PlanQuerySet",
    "Product",
    "ProductGroup",
    "ProductType",
    "Tax",
    "Term",
    "TermsDocument",
    "TermsDocumentQuerySet",
    "Venture",
    "is_on_sale",
]
