from django.urls import path

from carnet.control_room.pages.users import assignment_file, people, seats

urlpatterns = [
    path("", people.users, name="users"),
    path("person/", people.person, name="users-person"),
    path("assign/", people.assign, name="assign"),
    path("unassign/", people.unassign, name="unassign"),
    path("seats/", seats.seats, name="users-seats"),
    path("seats/take-back/", seats.take_back, name="take-back"),
    path("file/", assignment_file.check, name="users-file"),
    path("file/carry-out/", assignment_file.carry_out, name="users-file-carry-out"),
    path("file/template/", assignment_file.template, name="users-file-template"),
    path("file/present/", assignment_file.present, name="users-file-present"),
]
