from django.urls import path

from carnet.calm.portal import room

urlpatterns = [
    path("guids/<id:guid>/", room.room, name="room"),
    path("guids/<id:guid>/request/", room.request_upload, name="request-upload"),
    path("guids/<id:guid>/preview/", room.configure, name="configure"),
    path("guids/<id:guid>/issue/", room.issue, name="issue"),
    path("guids/<id:guid>/receipt/", room.receipt_upload, name="receipt-upload"),
    path("guids/<id:guid>/files/<id:file>/", room.olf_download, name="olf-download"),
    path("guids/<id:guid>/files/<id:file>/certificate/", room.certificate, name="certificate"),
    path("guids/<id:guid>/lost/", room.report, name="report-lost"),
    path("guids/<id:guid>/found/", room.found, name="report-withdraw"),
    path("guids/<id:guid>/timeline/", room.timeline, name="room-timeline"),
    path("guids/<id:guid>/usage/", room.usage_page, name="room-usage"),
]
