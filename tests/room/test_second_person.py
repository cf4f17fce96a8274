"""Two people at one site (E6): whoever comes second is told what was done, and by whom; nothing of theirs is done."""

from collections.abc import Callable

import pytest

from carnet.control_room.queries.questions import Status
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.exchange.verdicts import Refusal
from tests.room.site import QUANTITIES, Pages
from tests.support.page_forms import post_forms

Make = Callable[..., Pages]


@pytest.mark.rule("E4", "E6", "superseded")
def test_a_second_request_from_an_older_page_does_not_void_the_first(new_site: Make) -> None:
    pages = new_site()
    lena, path = pages.client("license_manager"), "/exchange/request/"
    (form,) = [form for form in post_forms(lena.get("/exchange/").text) if form.action == path]
    pages.do(GenerateRequest())
    raw, size = pages.lfr, pages.size
    answer = lena.send_form(path, {"kind": "change", "after": form.fields["after"][0]})
    assert answer.status_code == 422
    assert "was generated at" in answer.text
    assert "by ada, after this page was opened. Yours was not generated" in answer.text
    assert (pages.lfr, pages.size - size <= 1) == (raw, True)  # at most the record of the refusal
    (form,) = [form for form in post_forms(lena.get("/exchange/").text) if form.action == path]
    assert lena.send_form(path, {"kind": "change", "after": form.fields["after"][0]}).status_code == 302


@pytest.mark.rule("E7", "already_used")
def test_who_installs_second_is_told_who_installed(new_site: Make) -> None:
    pages = new_site()
    lena = pages.client("license_manager")
    pages.do(GenerateRequest())
    raw = pages.olf(QUANTITIES)
    lena.post(
        "/exchange/preview/",
        files={"file": ("oslo.olf", raw)},
        headers={"X-CSRFToken": lena.cookies["room_csrf"], "Referer": f"{lena.base_url}"},
    )
    (form,) = [form for form in post_forms(lena.get("/exchange/").text) if form.action == "/exchange/install/"]
    pages.do(InstallLicense(raw))
    installed = pages.ask(Status()).installed
    answer = lena.send_form("/exchange/install/", form.fields, follow_redirects=True)
    assert "was installed at" in answer.text
    assert "by ada" in answer.text
    assert pages.ask(Status()).installed == installed
    with pages.engine() as engine:
        refused = engine.execute(InstallLicense(raw), "lena")
    assert isinstance(refused, Refusal)
    assert f"License file #{installed.sequence} was installed at" in refused.message
    assert "by ada" in refused.message
