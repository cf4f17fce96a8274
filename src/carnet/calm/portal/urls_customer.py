from django.urls import path

from carnet.calm.portal import (
    customer,
    people,
)

urlpatterns = [
    path("accounts/<id:account>/", customer.customer, name="customer"),
    path("accounts/<id:account>/control-rooms/", customer.customer_rooms, name="customer-rooms"),
    path("accounts/<id:account>/purchases/", customer.customer_purchases, name="customer-purchases"),
    path("accounts/<id:account>/purchases/add/", customer.purchase_add, name="purchase-add"),
    path("accounts/<id:account>/purchases/upload/", customer.upload_order, name="purchases-upload"),
    path("accounts/<id:account>/purchases/template/", customer.template, name="order-template"),
    path("accounts/<id:account>/guids/add/", customer.guid_add, name="guid-add"),
    path("accounts/<id:account>/files/", customer.files, name="customer-files"),
    path("accounts/<id:account>/timeline/", customer.timeline, name="customer-timeline"),
    path("accounts/<id:account>/approval/", customer.approval, name="customer-approval"),
    path("accounts/<id:account>/token/", customer.token, name="token"),
    path("accounts/<id:account>/notices/", customer.notices, name="customer-notices"),
    path("accounts/<id:account>/requests/", customer.upload_requests, name="requests-upload"),
    path("accounts/<id:account>/requests/issue/", customer.issue, name="requests-issue"),
    path("accounts/<id:account>/people/", people.customer_people, name="customer-people"),
]
