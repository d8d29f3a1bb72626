from django.urls import path

from ordering.views import amendments, approvals, basket, checkout, logins, order_url, orders, waiting

app_name = "ordering"

urlpatterns = [
    path("order/<str:code>/", order_url.order_url, name="order_url"),
    path("basket/", basket.show, name="basket"),
    path("basket/waiting/", waiting.show, name="waiting_basket"),
    path("basket/waiting/<str:code>/remove/", waiting.remove, name="remove_from_waiting_basket"),
    path("basket/add/<str:number>/", basket.add, name="add_to_basket"),
    path("basket/remove/<str:number>/", basket.remove, name="remove_from_basket"),
    path("basket/customer/", basket.new_customer, name="new_customer"),
    path("checkout/terms/", checkout.terms, name="terms"),
    path("checkout/billing/", checkout.billing, name="billing"),
    path("checkout/service/", checkout.service_details, name="service_details"),
    path("checkout/review/", checkout.review, name="review"),
    path("login-check/", logins.check_login, name="check_login"),
    path("approvals/", approvals.index, name="approvals"),
    path("approvals/<str:number>/", approvals.show, name="order_to_approve"),
    path("approvals/<str:number>/approve/", approvals.approve, name="approve"),
    path("approvals/<str:number>/decline/", approvals.decline, name="decline"),
    path("orders/", orders.index, name="orders"),
    path("orders/<str:number>/", orders.show, name="order"),
    path("orders/<str:number>/progress/", orders.progress, name="progress"),
    path("orders/<str:number>/terms/<int:pk>/", orders.accepted_terms, name="accepted_terms"),
    path("orders/<str:number>/retry/", orders.retry, name="retry"),
    path("orders/<str:number>/cancel/", orders.cancel, name="cancel"),
    path("orders/<str:number>/login-check/", orders.check_login, name="check_login_of_order"),
    path("orders/<str:number>/service/", orders.change_service_details, name="change_service_details"),
    path("services/<str:number>/quantity/", amendments.amend, {"kind": "quantity"}, name="amend_quantity"),
    path("services/<str:number>/plan/", amendments.amend, {"kind": "plan"}, name="amend_plan"),
    path("services/<str:number>/term/", amendments.amend, {"kind": "term"}, name="amend_term"),
    path("services/<str:number>/cancel/", amendments.amend, {"kind": "cancel"}, name="cancel_service"),
    path("services/<str:number>/keep/", amendments.keep, name="keep_service"),
]
