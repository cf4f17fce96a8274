from django.urls import path

from carnet.calm.web import people
from carnet.calm.web.customer import approval, batches, lists, notices, orders, overview, purchases

urlpatterns = [
    path("accounts/<str:account>/", overview.customer, name="customer"),
    path("accounts/<str:account>/control-rooms/", overview.customer_rooms, name="customer-rooms"),
    path("accounts/<str:account>/purchases/", purchases.customer_purchases, name="customer-purchases"),
    path("accounts/<str:account>/purchases/add/", purchases.purchase_add, name="purchase-add"),
    path("accounts/<str:account>/purchases/upload/", orders.upload, name="purchases-upload"),
    path("accounts/<str:account>/purchases/template/", orders.template, name="order-template"),
    path("accounts/<str:account>/guids/add/", purchases.guid_add, name="guid-add"),
    path("accounts/<str:account>/files/", lists.files, name="customer-files"),
    path("accounts/<str:account>/timeline/", lists.timeline, name="customer-timeline"),
    path("accounts/<str:account>/approval/", approval.approval, name="customer-approval"),
    path("accounts/<str:account>/token/", approval.token, name="token"),
    path("accounts/<str:account>/notices/", notices.notices, name="customer-notices"),
    path("accounts/<str:account>/requests/", batches.upload, name="requests-upload"),
    path("accounts/<str:account>/requests/issue/", batches.issue, name="requests-issue"),
    path("accounts/<str:account>/people/", people.customer_people, name="customer-people"),
]
