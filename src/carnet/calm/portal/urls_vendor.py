from django.urls import path

from carnet.calm.portal import (
    people,
    vendor,
    vendor_lists,
    windows,
)

urlpatterns = [
    path("inbox/", vendor.inbox, name="inbox"),
    path("inbox/approvals/<id:approval>/", vendor.approval, name="approval"),
    path("accounts/", vendor.accounts, name="accounts"),
    path("accounts/add/", vendor.account_add, name="account-add"),
    path("accounts/<id:account>/windows/", windows.windows, name="windows"),
    path("control-rooms/", vendor.rooms, name="rooms"),
    path("control-rooms/<id:room>/write-off/", vendor.write_off, name="write-off"),
    path("purchases/", vendor.purchases, name="purchases"),
    path("purchases/<id:purchase>/lower/", vendor.purchase_lower, name="purchase-lower"),
    path("expiring/", vendor.expiring_page, name="expiring"),
    path("confirmations/", vendor.confirmations, name="confirmations"),
    path("confirmations/<id:proposal>/", vendor.confirmation, name="confirmation"),
    path("refused/<int:number>/", vendor.evidence, name="refused"),
    path("refused/<int:number>/file/", vendor.file, name="refused-file"),
    path("refused/<int:number>/accept/", vendor.accept, name="accept-history"),
    path("issuing-log/", vendor_lists.issuing_log, name="issuing-log"),
    path("audit-log/", vendor_lists.audit_log, name="audit-log"),
    path("keys/", vendor_lists.keys, name="keys"),
    path("keys/rotate/", vendor_lists.rotate, name="rotate"),
    path("keys/trust/", vendor_lists.trust, name="trust"),
    path("keys/<int:version>/", vendor_lists.key_set, name="key-set"),
    path("catalogue/", vendor.catalogue, name="catalogue"),
    path("staff/", people.vendor_people, name="staff"),
    path("people/<int:person>/", people.change_person, name="person"),
    path("settings/", vendor.settings_page, name="settings"),
]
