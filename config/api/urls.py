"""Version 1 of the API. A version is never changed under its users: what would break them becomes the next."""

from django.urls import path, re_path

from billing.api.credit_notes import CreditNotePdfView, CreditNotesView, CreditNoteView
from billing.api.estimates import EstimatesView
from billing.api.explanations import InvoiceExplainView
from billing.api.invoices import InvoicePdfView, InvoicesView, InvoiceView
from billing.api.payments import PaymentsView, StatementView
from billing.api.prices import PlanPricesView
from billing.api.usage import UsageView
from catalog.api.partner import PartnerPricesView, PartnerPriceView
from catalog.api.plans import PlansView, PlanView
from config.api import views
from ordering.api.changes import ChangesView, KeepServiceView, QuoteChangeView
from ordering.api.checks import LoginCheckView, TermsView
from ordering.api.moves import ApproveOrderView, CancelOrderView, DeclineOrderView, ExecuteOrderView
from ordering.api.orders import OrdersView, OrderView

app_name = "api"

urlpatterns = [
    path("plans", PlansView.as_view(), name="plans"),
    path("plans/<str:number>", PlanView.as_view(), name="plan"),
    path("plans/<str:number>/prices", PlanPricesView.as_view(), name="plan_prices"),
    path("partner/prices", PartnerPricesView.as_view(), name="partner_prices"),
    path("partner/prices/<str:number>", PartnerPriceView.as_view(), name="partner_price"),
    path("usage", UsageView.as_view(), name="usage"),
    path("estimates", EstimatesView.as_view(), name="estimates"),
    path("invoices", InvoicesView.as_view(), name="invoices"),
    path("invoices/<str:number>", InvoiceView.as_view(), name="invoice"),
    path("invoices/<str:number>/pdf", InvoicePdfView.as_view(), name="invoice_pdf"),
    path("invoices/<str:number>/explain", InvoiceExplainView.as_view(), name="invoice_explain"),
    path("credit-notes", CreditNotesView.as_view(), name="credit_notes"),
    path("credit-notes/<str:number>", CreditNoteView.as_view(), name="credit_note"),
    path("credit-notes/<str:number>/pdf", CreditNotePdfView.as_view(), name="credit_note_pdf"),
    path("payments", PaymentsView.as_view(), name="payments"),
    path("statement", StatementView.as_view(), name="statement"),
    path("terms", TermsView.as_view(), name="terms"),
    path("logins/check", LoginCheckView.as_view(), name="check_login"),
    path("orders", OrdersView.as_view(), name="orders"),
    path("orders/<str:number>", OrderView.as_view(), name="order"),
    path("orders/<str:number>/execute", ExecuteOrderView.as_view(), name="execute_order"),
    path("orders/<str:number>/cancel", CancelOrderView.as_view(), name="cancel_order"),
    path("orders/<str:number>/approve", ApproveOrderView.as_view(), name="approve_order"),
    path("orders/<str:number>/decline", DeclineOrderView.as_view(), name="decline_order"),
    path("services/<str:number>/quote", QuoteChangeView.as_view(), name="quote_change"),
    path("services/<str:number>/changes", ChangesView.as_view(), name="changes"),
    path("services/<str:number>/keep", KeepServiceView.as_view(), name="keep_service"),
    path("openapi.json", views.openapi_json, name="openapi_json"),
    path("openapi.yaml", views.openapi_yaml, name="openapi_yaml"),
    path("docs/", views.docs, name="docs"),
    re_path("", views.nothing_here),
]
