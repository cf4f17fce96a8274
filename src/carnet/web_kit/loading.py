"""What a project's TEMPLATES setting needs for this kit; the same for both sides.

Cotton and template-partials would each rewrite the loaders, and the last would win; with their `SimpleAppConfig`s
neither does, and the order that works is written out here. Needs APP_DIRS = False.
"""

from typing import Any

APPS = [
    "django_cotton.apps.SimpleAppConfig",
    "template_partials.apps.SimpleAppConfig",
    "django_htmx",
    "django_tables2",
    "heroicons",
    "carnet.web_kit",
]
BUILTINS = [
    "django_cotton.templatetags.cotton",
    "template_partials.templatetags.partials",
    "carnet.web_kit.templatetags.ui",
]
_FOUND_IN = [
    "django_cotton.cotton_loader.Loader",
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
LOADERS: list[Any] = [
    ("template_partials.loader.Loader", [("django.template.loaders.cached.Loader", _FOUND_IN)]),
]
