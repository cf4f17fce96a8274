"""Every address of the pages, by its name. Run in a process of its own: this one may hold CALM's Django.

`python -m tests.room.addresses` prints them as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

WORDS = {"sku": "bot-creator", "key": "aaaaaaaa", "index": "1", "uidb36": "1", "pk": "1"}


def addresses() -> list[tuple[str, str]]:
    """Names and paths, with something that is there in them."""
    world = os.environ | {"DJANGO_SETTINGS_MODULE": "carnet.control_room.pages.settings"}
    line = [sys.executable, "-m", "tests.room.addresses"]
    done = subprocess.run(line, env=world, check=True, capture_output=True, text=True, timeout=60)
    return [(name, path) for name, path in json.loads(done.stdout)]


def main() -> None:
    import django

    django.setup()
    from django.urls import URLPattern, URLResolver, get_resolver, reverse

    found: list[tuple[str, str]] = []

    def walk(patterns: list[Any]) -> None:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns)
            elif isinstance(pattern, URLPattern):
                words = pattern.pattern.converters or pattern.pattern.regex.groupindex  # type: ignore[attr-defined]
                name = str(pattern.name)
                found.append((name, reverse(name, kwargs={word: WORDS[word] for word in words})))

    walk(get_resolver().url_patterns)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
