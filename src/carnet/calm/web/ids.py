"""What stands for a thing in an address: an id as CALM makes them. Anything else is not looked up at all."""

from django.urls.converters import StringConverter


class Id(StringConverter):
    regex = "[0-9a-z-]{1,36}"
