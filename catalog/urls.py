from django.urls import path

from catalog.views import logos, shop

app_name = "catalog"

urlpatterns = [
    path("", shop.home, name="home"),
    path("products/<str:number>/", shop.plan, name="plan"),
    path("logos/<str:sha256>.png", logos.logo, name="logo"),
]
