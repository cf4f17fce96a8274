"""N4, N5: every form of a page says which form it is, and what its page showed: all in one component."""

from pathlib import Path

import pytest

import carnet

SOURCE = Path(carnet.__file__).parent
OWN = [
    path
    for folder in ("calm/portal/templates", "control_room/pages/templates", "web_kit/templates")
    for path in (SOURCE / folder).rglob("*.html")
    if path.name != "form_marks.html"
]


@pytest.mark.rule("N4", "N5")
@pytest.mark.parametrize("template", OWN, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_form_is_marked_by_the_component(template: Path) -> None:
    text = template.read_text()
    assert "{% csrf_token %}" not in text
    assert text.count('method="post"') <= text.count("<c-form-marks />")
