"""Version 1 of the API. A version is never changed under its users: what would break them becomes the next."""

from django.urls import path, re_path

from billing.api.prices import PlanPricesView
from catalog.api.partner import PartnerPricesView, PartnerPriceView
from catalog.api.plans import PlansView, PlanView
from config.api import views

app_name = "api"

urlpatterns = [
    path("plans", PlansView.as_view(), name="plans"),
    path("plans/<str:number>", PlanView.as_view(), name="plan"),
    path("plans/<str:number>/prices", PlanPricesView.as_view(), name="plan_prices"),
    path("partner/prices", PartnerPricesView.as_view(), name="partner_prices"),
    path("partner/prices/<str:number>", PartnerPriceView.as_view(), name="partner_price"),
    path("openapi.json", views.openapi_json, name="openapi_json"),
    path("openapi.yaml", views.openapi_yaml, name="openapi_yaml"),
    path("docs/", views.docs, name="docs"),
    re_path("", views.nothing_here),
]
