from django.urls import path

from catalog.views import shop

app_name = "catalog"

urlpatterns = [
    path("", shop.home, name="home"),
    path("products/<str:number>/", shop.plan, name="plan"),
]
