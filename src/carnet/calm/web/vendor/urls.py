from django.urls import path

from carnet.calm.web import people
from carnet.calm.web.vendor import approvals, confirmations, inbox, logs, refused, stock

urlpatterns = [
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/approvals/<id:approval>/", approvals.approval, name="approval"),
    path("accounts/", stock.accounts, name="accounts"),
    path("accounts/add/", stock.account_add, name="account-add"),
    path("control-rooms/", stock.rooms, name="rooms"),
    path("control-rooms/<id:room>/write-off/", confirmations.write_off, name="write-off"),
    path("purchases/", stock.purchases, name="purchases"),
    path("purchases/<id:purchase>/lower/", stock.purchase_lower, name="purchase-lower"),
    path("expiring/", inbox.expiring_page, name="expiring"),
    path("confirmations/", confirmations.confirmations, name="confirmations"),
    path("confirmations/<id:proposal>/", confirmations.confirmation, name="confirmation"),
    path("refused/<int:number>/", refused.evidence, name="refused"),
    path("refused/<int:number>/file/", refused.file, name="refused-file"),
    path("refused/<int:number>/accept/", refused.accept, name="accept-history"),
    path("issuing-log/", logs.issuing_log, name="issuing-log"),
    path("audit-log/", logs.audit_log, name="audit-log"),
    path("keys/", logs.keys, name="keys"),
    path("keys/rotate/", logs.rotate, name="rotate"),
    path("keys/trust/", logs.trust, name="trust"),
    path("keys/<int:version>/", logs.key_set, name="key-set"),
    path("catalogue/", stock.catalogue, name="catalogue"),
    path("staff/", people.vendor_people, name="staff"),
    path("people/<int:person>/", people.change_person, name="person"),
    path("settings/", inbox.settings_page, name="settings"),
]
