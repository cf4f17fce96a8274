"""The catalogue is data that a person edits, so that each mistake in it gets its own sentence."""

import pytest

from carnet.entitlements import Metric, Product, read_catalogue

ONE = b"""
[[product]]
sku = "bot-creator"
name = "Bot Creator"
metric = "named_user"
unit = "users"
"""


def test_an_empty_catalogue_is_one() -> None:
    for empty in (b"", b"# nothing is sold yet\n", b"product = []\n"):
        assert read_catalogue(empty) == ()


def test_products_are_read_in_their_order() -> None:
    other = ONE.replace(b"bot-creator", b"attended-runner")
    assert [product.sku for product in read_catalogue(other + ONE)] == ["attended-runner", "bot-creator"]
    assert read_catalogue(ONE) == (
        Product(sku="bot-creator", name="Bot Creator", metric=Metric.NAMED_USER, unit="users"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ONE + ONE, "names bot-creator twice"),
        (ONE.replace(b"named_user", b"per_device"), "metric"),
        (ONE.replace(b"bot-creator", b"Bot Creator"), "sku"),
        (ONE + b'colour = "blue"\n', "colour"),
        (ONE.replace(b'unit = "users"\n', b""), "unit"),
        (ONE.replace(b'"Bot Creator"', b'""'), "name"),
        (ONE.replace(b"Bot Creator", "Cre\u0301ateur".encode()), "NFC"),
        (b"[[product", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"product = " + b"[" * 100_000, "cannot be read"),
        (b"#" * (256 * 1024 + 1), "is larger than"),
    ],
)
def test_a_mistake_has_its_own_sentence(text: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_catalogue(text)
