from django.urls import include, path

from accounts import token_views, webhook_views
from accounts.views import acting_as, customers, invitations, organization, people, sign_up

app_name = "accounts"

_people = [
    path("", people.people, name="people"),
    path("invite/", people.invite, name="invite"),
    path("<int:pk>/", people.member, name="member"),
    path("<int:pk>/remove/", people.remove_member, name="remove_member"),
    path("invitations/<int:pk>/resend/", people.resend_invitation, name="resend_invitation"),
    path("invitations/<int:pk>/revoke/", people.revoke_invitation, name="revoke_invitation"),
]

urlpatterns = [
    path("act-for/<str:number>/", organization.act_for, name="act_for"),
    path("acting-as/stop/", acting_as.stop_acting_as, name="stop_acting_as"),
    path("organization/", organization.organization, name="organization"),
    path("organization/edit/", organization.edit_organization, name="edit_organization"),
    path("organization/people/", include(_people)),
    path("organization/api-tokens/", token_views.tokens, name="tokens"),
    path("organization/api-tokens/add/", token_views.add_token, name="add_token"),
    path("organization/api-tokens/<str:prefix>/revoke/", token_views.revoke_token, name="revoke_token"),
    path("organization/webhooks/", webhook_views.webhook_list, name="webhooks"),
    path("organization/webhooks/add/", webhook_views.add_webhook, name="add_webhook"),
    path("organization/webhooks/<int:pk>/", webhook_views.webhook, name="webhook"),
    path("organization/webhooks/<int:pk>/edit/", webhook_views.edit_webhook, name="edit_webhook"),
    path("organization/webhooks/<int:pk>/secret/", webhook_views.renew_webhook_secret, name="renew_webhook_secret"),
    path("organization/webhooks/<int:pk>/delete/", webhook_views.delete_webhook, name="delete_webhook"),
    path("organization/webhooks/<int:pk>/test/", webhook_views.test_webhook, name="test_webhook"),
    path("organization/webhooks/deliveries/<int:pk>/", webhook_views.webhook_delivery, name="webhook_delivery"),
    path("organization/webhooks/deliveries/<int:pk>/again/", webhook_views.resend_webhook_delivery, name="resend_webhook_delivery"),
    path("customers/", customers.customers, name="customers"),
    path("customers/add/", customers.add_customer, name="add_customer"),
    path("customers/export/", customers.export_customers, name="export_customers"),
    path("customers/<str:number>/", customers.customer, name="customer"),
    path("customers/<str:number>/edit/", customers.edit_customer, name="edit_customer"),
    path("customers/<str:number>/people/", include(_people)),
    path("invitations/accept/", invitations.accept_invitation, name="accept_invitation"),
    path("invitations/<str:token>/", invitations.open_invitation, name="open_invitation"),
    path("sign-up/", sign_up.sign_up, name="sign_up"),
    path("sign-up/code/", sign_up.confirm_sign_up, name="confirm_sign_up"),
]
