from django.urls import path

from carnet.control_room.web.ledger import views

urlpatterns = [path("", views.ledger, name="ledger")]
