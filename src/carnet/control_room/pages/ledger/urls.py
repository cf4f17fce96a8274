from django.urls import path

from carnet.control_room.pages.ledger import verify, views

urlpatterns = [
    path("", views.ledger, name="ledger"),
    path("export/", views.export, name="ledger-export"),
    path("records/<int:index>/proof.json", views.proof, name="record-proof"),
    path("verify/", verify.verify, name="ledger-verify"),
    path("verify/stop/", verify.stop, name="ledger-verify-stop"),
    path("checkpoint/", views.paper, name="checkpoint"),
    path("checkpoint.txt", views.file, name="checkpoint-file"),
]
