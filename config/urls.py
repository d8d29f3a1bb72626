"""Every door of the house."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("bss/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
]
