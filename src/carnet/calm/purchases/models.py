"""Rows: the catalogue, what was bought, and the license_guids (License GUIDs) that it may go to."""

from datetime import datetime
from typing import Any

from django.db import models

from carnet.calm.customers.models import Account
from carnet.calm.customers.names import MOST_FOLDED, fold
from carnet.entitlements import MetricKind, Period, PeriodUnit, kind_of


class Product(models.Model):
    sku = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=200)
    metric = models.CharField(max_length=16)
    unit = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> MetricKind:
        return kind_of(self.metric)


class Purchase(models.Model):
    id = models.CharField(primary_key=True, max_length=36)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.BigIntegerField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    kind = models.CharField(max_length=16)
    period_unit = models.CharField(max_length=8, blank=True)
    period_from = models.DateTimeField(null=True)  # Q2: the purchase's first start, which no later change moves
    overage_percent = models.PositiveSmallIntegerField(default=0)
    grace_days = models.PositiveSmallIntegerField(default=0)
    added_at = models.DateTimeField()
    # H8: the reference and the line of the vendor's own order system; in an order file without them, the file's own
    order = models.CharField(max_length=64, null=True)
    order_line = models.PositiveIntegerField(null=True)
    ordered_quantity = models.BigIntegerField(null=True)  # as the order has it; a purchase may be lowered since
    ordered_until = models.DateTimeField(null=True)
    imported = models.CharField(max_length=36, blank=True)  # the import that it came in, which can be taken back

    class Meta:
        indexes = (models.Index(fields=["imported"], name="purchases_by_import"),)
        constraints = (models.UniqueConstraint(fields=["account", "order", "order_line"], name="each_order_line_once"),)

    def __str__(self) -> str:
        return f"{self.product_id} × {self.quantity}"

    @property
    def period(self) -> Period | None:
        return period_of(self.period_unit, self.period_from)


def period_of(unit: str, start: datetime | None) -> Period | None:
    return Period(unit=PeriodUnit(unit), start=start) if unit and start else None


class Guid(models.Model):
    """A License GUID: an account's license_guid for one Control Room (H5)."""

    id = models.CharField(primary_key=True, max_length=36)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    label = models.CharField(max_length=200)
    folded = models.CharField(max_length=MOST_FOLDED)  # `fold` of the label, which is what must differ in an account
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)  # hidden from lists, until it is brought back

    class Meta:
        constraints = (models.UniqueConstraint(fields=["account", "folded"], name="one_label_in_an_account"),)

    def save(self, *args: Any, **options: Any) -> None:
        self.folded = fold(self.label)
        super().save(*args, **options)

    def __str__(self) -> str:
        return self.label
