from django.urls import path

from catalog.views import logos, marketplace, partner, shop

app_name = "catalog"

urlpatterns = [
    path("", shop.home, name="home"),
    path("products/<str:number>/", shop.plan, name="plan"),
    path("logos/<str:sha256>.png", logos.logo, name="logo"),
    path("partner/plans/", partner.plans, name="partner_plans"),
    path("partner/plans/export/", partner.export_plans, name="export_partner_plans"),
    path("partner/plans/<str:number>/", partner.plan, name="partner_plan"),
    path("partner/plans/<str:number>/order-urls/", partner.plan_order_urls, name="partner_order_urls"),
    path("partner/plans/<str:number>/order-urls/<str:code>/", partner.switch_order_url, name="switch_partner_order_url"),
    path("partner/marketplace/", marketplace.edit_marketplace, name="edit_marketplace"),
    path("m/<str:slug>/", marketplace.marketplace, name="marketplace"),
    path("m/<str:slug>/theme.css", marketplace.theme, name="theme"),
    path("m/<str:slug>/<str:number>/", marketplace.marketplace_plan, name="marketplace_plan"),
]
