from django.urls import path

from carnet.calm.web.room import history, lost, views

urlpatterns = [
    path("guids/<str:guid>/", views.room, name="room"),
    path("guids/<str:guid>/request/", views.request_upload, name="request-upload"),
    path("guids/<str:guid>/preview/", views.configure, name="configure"),
    path("guids/<str:guid>/issue/", views.issue, name="issue"),
    path("guids/<str:guid>/receipt/", views.receipt_upload, name="receipt-upload"),
    path("guids/<str:guid>/files/<str:file>/", views.olf_download, name="olf-download"),
    path("guids/<str:guid>/files/<str:file>/certificate/", views.certificate, name="certificate"),
    path("guids/<str:guid>/lost/", lost.report, name="report-lost"),
    path("guids/<str:guid>/timeline/", history.timeline, name="room-timeline"),
    path("guids/<str:guid>/usage/", history.usage_page, name="room-usage"),
]
