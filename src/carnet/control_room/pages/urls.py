"""Every page. `pages.door` refuses a view that does not say who may open it."""

from django.urls import URLPattern, URLResolver, include, path

from carnet.control_room.pages import banners
from carnet.control_room.pages.exchange import past, preview
from carnet.control_room.pages.exchange import views as exchange
from carnet.control_room.pages.ledger import verify
from carnet.control_room.pages.ledger import views as ledger
from carnet.control_room.pages.licenses import product
from carnet.control_room.pages.licenses import views as licenses
from carnet.control_room.pages.setup import api_keys, people, settings
from carnet.control_room.pages.users import assignment_file, seats
from carnet.control_room.pages.users import people as users
from carnet.control_room.pages.what_if import views as what_if
from carnet.web_kit.sign_in.urls import AGAIN, ENTRANCE, MY, sso_urls

urlpatterns: list[URLPattern | URLResolver] = [
    *sso_urls("account/", "account/my/"),
    path("account/", include([*ENTRANCE, *AGAIN])),
    path("account/my/", include(MY)),
    path("", licenses.license_management, name="home"),
    path("dismiss/", banners.dismiss, name="dismiss-notice"),
    path("products/<str:sku>/", product.product, name="product"),
    path("products/<str:sku>/take-back/", product.take_back, name="product-take-back"),
    path("products/<str:sku>/use.csv", product.days_file, name="product-days"),
    path("products/<str:sku>/holders.csv", product.holders_file, name="product-holders"),
    path("exchange/", exchange.manage, name="exchange"),
    path("exchange/token/", exchange.token, name="token"),
    path("exchange/request/", exchange.generate, name="request-generate"),
    path("exchange/request/file/", exchange.save, name="request-save"),
    path("exchange/request/print/", exchange.printed, name="request-print"),
    path("exchange/withdraw/", exchange.withdraw, name="withdraw"),
    path("exchange/release/", exchange.release, name="release"),
    path("exchange/release/again/", exchange.release_again, name="release-again"),
    path("exchange/preview/", preview.upload, name="preview"),
    path("exchange/preview/leave/", preview.put_away, name="preview-leave"),
    path("exchange/preview/free/", preview.free, name="preview-free"),
    path("exchange/install/", preview.install, name="install"),
    path("exchange/receipt/", exchange.receipt, name="receipt"),
    path("exchange/key-set/", exchange.key_set, name="key-set"),
    path("exchange/cycles/", past.cycles, name="cycles"),
    path("users/", users.users, name="users"),
    path("users/person/", users.person, name="users-person"),
    path("users/assign/", users.assign, name="assign"),
    path("users/unassign/", users.unassign, name="unassign"),
    path("users/seats/", seats.seats, name="users-seats"),
    path("users/seats/take-back/", seats.take_back, name="take-back"),
    path("users/file/", assignment_file.check, name="users-file"),
    path("users/file/carry-out/", assignment_file.carry_out, name="users-file-carry-out"),
    path("users/file/refused/", assignment_file.refused, name="users-file-refused"),
    path("users/file/template/", assignment_file.template, name="users-file-template"),
    path("users/file/present/", assignment_file.present, name="users-file-present"),
    path("what-if/", what_if.what_if, name="what-if"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/export/", ledger.export, name="ledger-export"),
    path("ledger/records/<int:index>/proof.json", ledger.proof, name="record-proof"),
    path("ledger/verify/", verify.verify, name="ledger-verify"),
    path("ledger/verify/stop/", verify.stop, name="ledger-verify-stop"),
    path("ledger/checkpoint/", ledger.paper, name="checkpoint"),
    path("ledger/checkpoint.txt", ledger.file, name="checkpoint-file"),
    path("keys/", api_keys.api_keys, name="api-keys"),
    path("keys/<slug:key>/rename/", api_keys.rename, name="api-key-rename"),
    path("keys/<slug:key>/revoke/", api_keys.revoke, name="api-key-revoke"),
    path("people/", people.people, name="people"),
    path("people/change/", people.change, name="person-change"),
    path("people/link/", people.link, name="person-link"),
    path("people/unlock/", people.unlock, name="person-unlock"),
    path("people/second-factors/", people.factors, name="person-factors"),
    path("people/ask/", people.ask, name="person-ask"),
    path("people/settle/", people.settle, name="person-settle"),
    path("settings/", settings.settings, name="settings"),
    path("settings/try/", settings.try_out, name="settings-try"),
    path("settings/backup/", settings.backup, name="backup"),
]
handler400 = "carnet.web_kit.errors.bad_request"
handler403 = "carnet.web_kit.errors.forbidden"
handler404 = "carnet.web_kit.errors.not_found"
handler500 = "carnet.web_kit.errors.server_error"
