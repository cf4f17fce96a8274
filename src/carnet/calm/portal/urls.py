"""Every page. `portal.door` refuses a view that does not say who may open it. An id in an address has CALM's own
form; anything else is not looked up at all.
"""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.urls.converters import StringConverter

from carnet.calm.portal import (
    account,
    account_acts,
    customer,
    order_files,
    people,
    room,
    search,
    vendor,
    vendor_lists,
    windows,
)
from carnet.calm.portal.account_issuer import account_issuer
from carnet.web_kit.sign_in.urls import (
    AGAIN,
    ENTRANCE,
    FORGOTTEN,
    MY,
    sso_urls,
)


class Id(StringConverter):
    regex = "[0-9a-z-]{1,36}"


register_converter(Id, "id")
urlpatterns: list[URLPattern | URLResolver] = [
    *sso_urls("sign-in/", "my/"),
    *([path("accounts/<id:account>/single-sign-on/", account_issuer, name="account-issuer")] if settings.SSO else []),
    path("sign-in/", include([*ENTRANCE, *FORGOTTEN, *AGAIN])),
    path("my/", include(MY)),
    path("", account.home, name="home"),
    path("my/api-tokens/", account.api_tokens, name="api-tokens"),
    path("my/api-tokens/<id:token>/rename/", account.rename, name="api-token-rename"),
    path("my/api-tokens/<id:token>/revoke/", account.revoke, name="api-token-revoke"),
    path("inbox/", vendor.inbox, name="inbox"),
    path("inbox/approvals/<id:approval>/", vendor.approval, name="approval"),
    path("accounts/", vendor.accounts, name="accounts"),
    path("accounts/add/", vendor.account_add, name="account-add"),
    path("accounts/<id:account>/windows/", windows.windows, name="windows"),
    path("accounts/<id:account>/rename/", account_acts.account_rename, name="account-rename"),
    path("accounts/<id:account>/archive/", account_acts.account_archive, name="account-archive"),
    path("accounts/<id:account>/merge/", account_acts.account_merge, name="account-merge"),
    path("guids/<id:guid>/rename/", account_acts.guid_rename, name="guid-rename"),
    path("guids/<id:guid>/archive/", account_acts.guid_archive, name="guid-archive"),
    path("search/", search.search_page, name="search"),
    path("control-rooms/", vendor.rooms, name="rooms"),
    path("control-rooms/<id:room>/write-off/", vendor.write_off, name="write-off"),
    path("purchases/", vendor.purchases, name="purchases"),
    path("purchases/upload/", order_files.upload, name="purchases-upload-of-all"),
    path("purchases/store/", order_files.store, name="purchases-store-of-all"),
    path("purchases/refused/", order_files.refused, name="purchases-refused-of-all"),
    path("purchases/template/", order_files.template, name="order-template"),
    path("purchases/imports/<id:imported>/take-back/", order_files.take_back, name="import-take-back"),
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
    path("staff/<int:colleague>/", people.staff_person, name="staff-person"),
    path("people/<int:person>/", people.change_person, name="person"),
    path("settings/", vendor.settings_page, name="settings"),
    # after the vendor's: accounts/add/ is not an account
    path("accounts/<id:account>/", customer.customer, name="customer"),
    path("accounts/<id:account>/control-rooms/", customer.customer_rooms, name="customer-rooms"),
    path("accounts/<id:account>/purchases/", customer.customer_purchases, name="customer-purchases"),
    path("accounts/<id:account>/purchases/add/", customer.purchase_add, name="purchase-add"),
    path("accounts/<id:account>/purchases/upload/", order_files.upload, name="purchases-upload"),
    path("accounts/<id:account>/purchases/store/", order_files.store, name="purchases-store"),
    path("accounts/<id:account>/purchases/refused/", order_files.refused, name="purchases-refused"),
    path("accounts/<id:account>/guids/add/", customer.guid_add, name="guid-add"),
    path("accounts/<id:account>/files/", customer.files, name="customer-files"),
    path("accounts/<id:account>/timeline/", customer.timeline, name="customer-timeline"),
    path("accounts/<id:account>/approval/", customer.approval, name="customer-approval"),
    path("accounts/<id:account>/token/", customer.token, name="token"),
    path("accounts/<id:account>/trust/", customer.trust, name="customer-trust"),
    path("accounts/<id:account>/notices/", customer.notices, name="customer-notices"),
    path("accounts/<id:account>/requests/", customer.upload_requests, name="requests-upload"),
    path("accounts/<id:account>/requests/issue/", customer.issue, name="requests-issue"),
    path("accounts/<id:account>/people/", people.customer_people, name="customer-people"),
    path("guids/<id:guid>/", room.room, name="room"),
    path("guids/<id:guid>/request/", room.request_upload, name="request-upload"),
    path("guids/<id:guid>/preview/", room.configure, name="configure"),
    path("guids/<id:guid>/issue/", room.issue, name="issue"),
    path("guids/<id:guid>/renew/", room.renew, name="renew"),
    path("guids/<id:guid>/receipt/", room.receipt_upload, name="receipt-upload"),
    path("guids/<id:guid>/files/<id:file>/", room.olf_download, name="olf-download"),
    path("guids/<id:guid>/files/<id:file>/certificate/", room.certificate, name="certificate"),
    path("guids/<id:guid>/lost/", room.report, name="report-lost"),
    path("guids/<id:guid>/found/", room.found, name="report-withdraw"),
    path("guids/<id:guid>/timeline/", room.timeline, name="room-timeline"),
    path("guids/<id:guid>/usage/", room.usage_page, name="room-usage"),
]
