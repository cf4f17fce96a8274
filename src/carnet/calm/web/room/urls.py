from django.urls import path

from carnet.calm.web.room import history, lost, views

urlpatterns = [
    path("guids/<id:guid>/", views.room, name="room"),
    path("guids/<id:guid>/request/", views.request_upload, name="request-upload"),
    path("guids/<id:guid>/preview/", views.configure, name="configure"),
    path("guids/<id:guid>/issue/", views.issue, name="issue"),
    path("guids/<id:guid>/receipt/", views.receipt_upload, name="receipt-upload"),
    path("guids/<id:guid>/files/<id:file>/", views.olf_download, name="olf-download"),
    path("guids/<id:guid>/files/<id:file>/certificate/", views.certificate, name="certificate"),
    path("guids/<id:guid>/lost/", lost.report, name="report-lost"),
    path("guids/<id:guid>/found/", lost.found, name="report-withdraw"),
    path("guids/<id:guid>/timeline/", history.timeline, name="room-timeline"),
    path("guids/<id:guid>/usage/", history.usage_page, name="room-usage"),
]
