"""S: every kind of banner has its sign on the pages. A kind without one would take down each page that shows it."""

import ast
from pathlib import Path
from typing import get_args

import carnet
from carnet.control_room.queries.banner import Kind

PAGES = Path(carnet.__file__).parent / "control_room" / "pages" / "banners.py"


def test_every_kind_of_banner_has_a_sign() -> None:
    """Read, not imported: the pages are a Django project of their own, and a process holds one."""
    (icons,) = (
        node.value
        for node in ast.parse(PAGES.read_text()).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_ICONS" and node.value
    )
    assert set(ast.literal_eval(icons)) == set(get_args(Kind))
