"""Every kind of product through the whole exchange, by the real commands of both sides."""

from dataclasses import replace
from pathlib import Path

import pytest

from carnet.cli import app as carnet_app
from carnet.entitlements import Metric
from tests.journeys.commands import Story, day, through_the_door
from tests.support.each_metric import catalogue, commands, name_of, sku_of


@pytest.mark.rule("Q1", "E9", "L3")
@pytest.mark.parametrize("metric", Metric)
def test_it_goes_there_and_back(story: Story, tmp_path: Path, metric: Metric) -> None:
    kind, sku, quantity = metric.kind, sku_of(metric), 40 if metric.kind.has_quantity else 1
    file = tmp_path / "catalogue.toml"
    file.write_bytes(catalogue())
    story.calm("catalogue", "load", str(file))
    assert {each["metric"] for each in story.calm("catalogue", "show") if each["sku"] == sku} == {metric.value}
    story = replace(story, standard=story.standard | {sku: quantity})
    _buy(story, sku, quantity, is_periodic=kind.is_periodic)
    assert name_of(metric) in story.calm.run("purchase", "list").out
    story.license()
    status = story.site.run("status").out
    assert name_of(metric) in status
    assert sku in story.site.run("license", "show").out
    assert story.site.run(*commands(metric)).code == 0
    story.site("ledger", "verify")
    lfr = story.ask()
    words = through_the_door(carnet_app, ["inspect", lfr, "--data", str(story.calm.data)], None).out
    assert _stated(metric, quantity) in " ".join(words.split())
    accepted = story.calm("request", "accept", lfr, "--guid", "Oslo")
    stated = next(line for line in accepted["in_use"] if line["sku"] == sku)
    use = {True: 7, False: 1}[kind.counts_units] if kind.holders or kind.counts_units else 0
    assert (stated["metric"], kind.used(stated["consumed"], stated["in_use"])) == (metric.value, use)
    held = {each["sku"]: each["quantity"] for each in story.calm("guid", "show", "Oslo")["held"]}
    assert held[sku] == quantity
    assert story.calm("log", "verify")["problems"] == []


def _buy(story: Story, sku: str, quantity: int, *, is_periodic: bool) -> None:
    order = ("purchase", "add", "--account", "Northwind", "--product", sku, "--quantity", str(quantity))
    span = ("--from", day(0), "--until", day(365))
    if not is_periodic:
        refused = story.calm.run(*order, *span, "--period", "month")
        assert (refused.code, "it has no period" in refused.err) == (2, True), refused
    period = ("--period", "month") if is_periodic else ()
    story.bought[sku] = story.calm(*order, *span, *period)["purchase"]


def _stated(metric: Metric, quantity: int) -> str:
    """How `carnet inspect` words a line of the totals."""
    if not metric.kind.has_quantity:
        return f"{sku_of(metric)} on"
    use = "7 consumed" if metric.kind.counts_units else "1 in use, 1 at most"
    return f"{sku_of(metric)} {quantity} granted, {use}"
