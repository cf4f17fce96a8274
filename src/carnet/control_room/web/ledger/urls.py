from django.urls import path

from carnet.control_room.web.ledger import checkpoints, verify_views, views

urlpatterns = [
    path("", views.ledger, name="ledger"),
    path("export/", views.export, name="ledger-export"),
    path("records/<int:index>/proof.json", views.proof, name="record-proof"),
    path("verify/", verify_views.verify, name="ledger-verify"),
    path("verify/stop/", verify_views.stop, name="ledger-verify-stop"),
    path("checkpoint/", checkpoints.paper, name="checkpoint"),
    path("checkpoint.txt", checkpoints.file, name="checkpoint-file"),
]
