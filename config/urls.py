"""Every door of the house."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

from config.metrics import metrics
from config.views import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    path("bss/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("config.api.urls")),
    *(path("", include(f"{room}.urls")) for room in ("catalog", "ordering", "billing", "accounts") if find_spec(f"{room}.urls")),
]
