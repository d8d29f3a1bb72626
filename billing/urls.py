"""Invoices and services."""

from django.urls import path

from billing.views import invoices, services

app_name = "billing"

urlpatterns = [
    path("services/", services.services, name="services"),
    path("services/<str:number>/", services.service, name="service"),
    path("services/<str:number>/activation-mail/", services.ask_activation_mail, name="ask_activation_mail"),
    path("invoices/", invoices.invoice_list, name="invoices"),
    path("invoices/<str:number>/", invoices.invoice, name="invoice"),
    path("invoices/<str:number>/pdf/", invoices.pdf, name="invoice_pdf"),
    path("invoices/<str:number>/lines/<int:position>/", invoices.explain, name="explain"),
]
