"""What the tests ask of each page's tables, tried on tables."""

from tests.support.tables import uneven

HEAD = "<tr><th>a</th><th>b</th></tr>"


def test_rows_as_wide_as_the_head_pass() -> None:
    assert uneven(f"<table>{HEAD}<tr><td>1</td><td>2</td></tr><tr><td colspan='2'>x</td></tr></table>") == []


def test_a_row_that_is_too_narrow_or_too_wide_is_found() -> None:
    for row in ("<td>1</td>", "<td>1</td><td>2</td><td>3</td>", "<td colspan=3>x</td>"):
        assert uneven(f"<table>{HEAD}<tr>{row}</tr></table>") != []
