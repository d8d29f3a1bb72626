from django.urls import path

from catalog.views import logos, marketplace, partner, shop, terms

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
    path("partner/terms/", terms.documents, name="partner_terms"),
    path("partner/terms/add/", terms.add_document, name="add_partner_terms"),
    path("partner/terms/<int:pk>/", terms.document, name="partner_terms_document"),
    path("partner/terms/<int:pk>/edit/", terms.edit_document, name="edit_partner_terms"),
    path("partner/terms/<int:pk>/preview/", terms.preview, name="preview_partner_terms"),
    path("partner/terms/<int:pk>/publish/", terms.publish_document, name="publish_partner_terms"),
    path("partner/terms/<int:pk>/new-version/", terms.new_version, name="new_version_of_partner_terms"),
    path("partner/terms/<int:pk>/take-back/", terms.take_back, name="take_back_partner_terms"),
    path("partner/terms/<int:pk>/retire/", terms.retire, name="retire_partner_terms"),
    path("partner/terms/<int:pk>/delete/", terms.delete_document, name="delete_partner_terms"),
    path("m/<str:slug>/", marketplace.marketplace, name="marketplace"),
    path("m/<str:slug>/theme.css", marketplace.theme, name="theme"),
    path("m/<str:slug>/<str:number>/", marketplace.marketplace_plan, name="marketplace_plan"),
]
