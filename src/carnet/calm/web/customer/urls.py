from django.urls import path

from carnet.calm.web import people
from carnet.calm.web.customer import approval, batches, lists, notices, orders, overview, purchases

urlpatterns = [
    path("accounts/<id:account>/", overview.customer, name="customer"),
    path("accounts/<id:account>/control-rooms/", overview.customer_rooms, name="customer-rooms"),
    path("accounts/<id:account>/purchases/", purchases.customer_purchases, name="customer-purchases"),
    path("accounts/<id:account>/purchases/add/", purchases.purchase_add, name="purchase-add"),
    path("accounts/<id:account>/purchases/upload/", orders.upload, name="purchases-upload"),
    path("accounts/<id:account>/purchases/template/", orders.template, name="order-template"),
    path("accounts/<id:account>/guids/add/", purchases.guid_add, name="guid-add"),
    path("accounts/<id:account>/files/", lists.files, name="customer-files"),
    path("accounts/<id:account>/timeline/", lists.timeline, name="customer-timeline"),
    path("accounts/<id:account>/approval/", approval.approval, name="customer-approval"),
    path("accounts/<id:account>/token/", approval.token, name="token"),
    path("accounts/<id:account>/notices/", notices.notices, name="customer-notices"),
    path("accounts/<id:account>/requests/", batches.upload, name="requests-upload"),
    path("accounts/<id:account>/requests/issue/", batches.issue, name="requests-issue"),
    path("accounts/<id:account>/people/", people.customer_people, name="customer-people"),
]
