import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.web_kit import bars, charts


def test_bars_of_a_chart_stand_in_percent_and_the_limit_has_its_number() -> None:
    chart = charts.columns(
        [("a", 14), ("b", 28), ("c", None)],
        title="t",
        description="d",
        limit=28,
        marks={"b": "1 refused"},
        running=True,
    )
    assert [column.value for column in chart.columns] == [14, 28, None]
    assert [column.running for column in chart.columns] == [False, True, False]
    assert chart.columns[1].mark == "1 refused"
    assert chart.limit is not None
    assert (chart.limit.text, chart.limit.y) == ("28", chart.columns[1].y)
    assert chart.ticks[-1].value == 32
    assert chart.scale_width == 18


@given(st.lists(st.integers(0, 10**9), max_size=90), st.integers(0, 10**9) | st.none())
def test_every_bar_stays_inside(values: list[int], limit: int | None) -> None:
    chart = charts.columns(
        [(str(place), value) for place, value in enumerate(values)], title="", description="", limit=limit
    )
    for column in chart.columns:
        assert 0 <= column.x <= column.x + column.width <= 100
        assert 0 <= column.y <= column.y + column.height <= chart.axis + 0.1
    assert chart.ticks[-1].value >= max([*values, limit or 0])
    assert chart.ticks[0].y == chart.axis


@given(st.integers(0, 10**12))
def test_an_axis_ends_at_a_number_four_steps_divide(highest: int) -> None:
    top = charts.nice_top(highest)
    assert top >= highest
    assert top % 4 == 0
    assert top <= max(4, highest * 3)


def test_a_chart_of_nothing_can_be_drawn() -> None:
    assert charts.columns([], title="", description="").columns == ()
    assert charts.spark(()).points == ""


def test_a_small_line_keeps_its_limit_above() -> None:
    spark = charts.spark((0, 14, 28), limit=28, description="words")
    assert spark.points == "0.0,19.0 50.0,10.5 100.0,2.0"
    assert spark.limit_y == 2.0


def test_a_last_value_that_is_not_over_is_no_fall() -> None:
    spark = charts.spark((28, 28, 0), limit=28, running=True)
    assert (spark.points, spark.running) == ("0.0,2.0 50.0,2.0", "50.0,2.0 100.0,19.0")
    assert charts.spark((3,), running=True).points, "one value alone is drawn"


def test_the_words_of_a_mark_stand_over_the_bars_beside_it() -> None:
    chart = charts.columns(
        [(str(n), 100 if n < 29 else 0) for n in range(30)], title="", description="", marks={"29": "1 refused"}
    )
    last = chart.columns[-1]
    assert last.mark_y == chart.columns[-2].y < last.y


@pytest.mark.parametrize(
    ("used", "held", "whole", "shown"),
    [
        (185, 240, 250, (74.0, 22.0, False)),
        (12, 20, 20, (60.0, 40.0, False)),
        (14, 0, 16, (87.5, 0.0, False)),  # a site counts only use
        (30, 30, 28, (100.0, 0.0, True)),
        (0, 0, 0, (0.0, 0.0, False)),
        (3, 3, 0, (100.0, 0.0, True)),
    ],
)
def test_a_product_bar(used: int, held: int, whole: int, shown: tuple[float, float, bool]) -> None:
    bar = bars.bar(used, held, whole)
    assert (bar.used, bar.held, bar.over) == shown
    assert bar.used + bar.held <= 100
