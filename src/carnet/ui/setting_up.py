"""What a project's settings need to use this kit, said once for both sides.

Cotton and template-partials would each rewrite the loaders, and the last would win; so neither does, and the loaders
are written out here.
"""

from typing import Any

APPS = [
    "carnet.ui",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "django_cotton.apps.SimpleAppConfig",
    "template_partials.apps.SimpleAppConfig",
    "django_htmx",
    "django_tables2",
    "heroicons",
]

# A component sees its own attributes and what context processors give, never the page's names.
COTTON_ISOLATE_BY_DEFAULT = True
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DJANGO_TABLES2_TEMPLATE = "ui/table.html"


def templates(*context_processors: str) -> list[dict[str, Any]]:
    """The TEMPLATES setting; `context_processors` are the project's own, after Django's `request` and `messages`."""
    found_in = [
        "django_cotton.cotton_loader.Loader",
        "django.template.loaders.filesystem.Loader",
        "django.template.loaders.app_directories.Loader",
    ]
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [],
            "APP_DIRS": False,
            "OPTIONS": {
                "loaders": [("template_partials.loader.Loader", [("django.template.loaders.cached.Loader", found_in)])],
                "builtins": [
                    "django_cotton.templatetags.cotton",
                    "template_partials.templatetags.partials",
                    "django.templatetags.i18n",
                    "django.templatetags.static",
                    "carnet.ui.templatetags.ui",
                ],
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.messages.context_processors.messages",
                    *context_processors,
                ],
            },
        }
    ]
