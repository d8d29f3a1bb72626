from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("act-for/<str:number>/", views.act_for, name="act_for"),
    path("organization/", views.organization, name="organization"),
    path("organization/edit/", views.edit_organization, name="edit_organization"),
    path("customers/", views.customers, name="customers"),
    path("customers/add/", views.add_customer, name="add_customer"),
    path("customers/<str:number>/", views.customer, name="customer"),
]
