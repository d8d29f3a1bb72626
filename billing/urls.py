"""Invoices and services."""

from django.urls import path

from billing.views import credit_notes, invoices, issuing, margins, payments, services, sign_in, usage

app_name = "billing"

urlpatterns = [
    path("services/", services.services, name="services"),
    path("services/<str:number>/", services.service, name="service"),
    path("services/<str:number>/progress/", services.progress, name="progress"),
    path("services/<str:number>/panel/", sign_in.open_panel, name="open_panel"),
    path("services/<str:number>/password/", sign_in.show_password, name="show_password"),
    path("services/<str:number>/reset-password/", sign_in.reset_password, name="reset_password"),
    path("services/<str:number>/sign-in/", sign_in.update_sign_in, name="update_sign_in"),
    path("services/<str:number>/login-check/", sign_in.check_login, name="check_login"),
    path("services/<str:number>/activation-mail/", sign_in.ask_activation_mail, name="ask_activation_mail"),
    path("margins/", margins.margins, name="margins"),
    path("margins/<str:number>/", margins.customer, name="margins_customer"),
    path("usage/", usage.usage, name="usage"),
    path("usage/summary/", usage.summary, name="usage_summary"),
    path("usage/report/", usage.report, name="usage_report"),
    path("usage/<str:number>/", usage.service, name="usage_service"),
    path("usage/<str:number>/panel/", usage.panel, name="usage_panel"),
    path("payments/", payments.payment_list, name="payments"),
    path("payments/record/", payments.record_payment, name="record_payment"),
    path("payments/<uuid:key>/", payments.payment, name="payment"),
    path("payments/<uuid:key>/take-back/", payments.take_back, name="take_back_payment"),
    path("payments/<uuid:key>/use/", payments.use_credit, name="use_credit"),
    path("statement/", payments.statement, name="statement"),
    path("open-items/", payments.open_items, name="open_items"),
    path("invoices/", invoices.invoice_list, name="invoices"),
    path("invoices/to-issue/", issuing.to_issue, name="to_issue"),
    path("invoices/to-issue/progress/", issuing.progress, name="to_issue_progress"),
    path("invoices/to-issue/update/", issuing.update, name="update_drafts"),
    path("invoices/to-issue/issue/", issuing.issue, name="issue_drafts"),
    path("invoices/to-issue/hold/", issuing.hold, name="hold_drafts"),
    path("invoices/to-issue/release/", issuing.release, name="release_drafts"),
    path("invoices/to-issue/<str:number>/", issuing.draft, name="draft"),
    path("invoices/<str:number>/", invoices.invoice, name="invoice"),
    path("invoices/<str:number>/pdf/", invoices.pdf, name="invoice_pdf"),
    path("invoices/<str:number>/credit/", credit_notes.credit, name="credit"),
    path("invoices/<str:number>/lines/<int:position>/", invoices.explain, name="explain"),
    path("credit-notes/", credit_notes.credit_note_list, name="credit_notes"),
    path("credit-notes/<str:number>/", credit_notes.credit_note, name="credit_note"),
    path("credit-notes/<str:number>/pdf/", credit_notes.pdf, name="credit_note_pdf"),
]
