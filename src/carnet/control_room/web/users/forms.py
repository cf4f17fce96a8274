"""Assigning: a user, and one of the products that are licensed by user."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from carnet.control_room.authority.views import Status
from carnet.control_room.granting.rules import MAX_NAME
from carnet.entitlements import Metric
from carnet.ui import words
from carnet.ui.forms import Asking


class Assign(Asking):
    user = forms.CharField(
        max_length=MAX_NAME,
        label=gettext_lazy("User"),
        help_text=gettext_lazy("The name by which your directory knows them."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    product = forms.ChoiceField(label=gettext_lazy("Product"))

    def __init__(self, status: Status, data: Any = None, user: str = "") -> None:
        super().__init__(data, auto_id="assign-%s")
        field = self.fields["product"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (
                product.sku,
                _("%(name)s, %(left)s left") % {"name": product.name, "left": words.number(product.remaining)},
            )
            for product in status.products
            if product.metric == Metric.NAMED_USER
        ]
        if user:
            self.fields["user"].initial = user
            self.fields["user"].widget = forms.HiddenInput()
