"""Signs: heroicons under the names of our own language, and a few of our own drawing. All decorative by default."""

from functools import lru_cache

import heroicons
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from heroicons.templatetags.heroicons import heroicon_outline

# Our word → heroicons' word. A heroicons name may also be used as it is.
CALLED = {
    "active": "check-circle",
    "accounts": "users",
    "approval": "shield-check",
    "back": "arrow-left",
    "box": "archive-box",
    "catalogue": "chart-bar",
    "chart": "chart-bar",
    "clock-back": "arrow-uturn-left",
    "close": "x-mark",
    "copy": "square-2-stack",
    "done": "check",
    "down": "chevron-down",
    "download": "arrow-down-tray",
    "enabled": "key",
    "features": "adjustments-horizontal",
    "file": "document",
    "files": "arrows-right-left",
    "filter": "funnel",
    "grace": "exclamation-triangle",
    "history": "arrow-path",
    "info": "information-circle",
    "list": "list-bullet",
    "lock": "lock-closed",
    "locked": "lock-closed",
    "log": "book-open",
    "mail": "envelope",
    "menu": "bars-3",
    "monitor": "computer-desktop",
    "next": "chevron-right",
    "notices": "bell",
    "offline": "signal-slash",
    "ok": "check-circle",
    "overview": "home",
    "people": "users",
    "person": "user",
    "previous": "chevron-left",
    "print": "printer",
    "purchases": "shopping-cart",
    "released": "arrow-top-right-on-square",
    "requested": "arrow-up-tray",
    "rooms": "computer-desktop",
    "search": "magnifying-glass",
    "seats": "computer-desktop",
    "settings": "cog-6-tooth",
    "sign-out": "arrow-right-start-on-rectangle",
    "site": "building-office-2",
    "staff": "identification",
    "timeline": "clock",
    "upload": "arrow-up-tray",
    "users": "user",
    "volumes": "chart-bar",
    "wait": "clock",
    "warn": "exclamation-triangle",
    "warning": "exclamation-triangle",
}

_RING = '<circle cx="12" cy="12" r="9"{}/>'
_OCTAGON = '<path d="M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2z"/>'
_DRAWN = {
    "new": _RING.format(' stroke-dasharray="4.6 3.3"'),
    "free": _RING.format(' stroke-dasharray="4.6 3.3"'),
    "half": _RING.format("") + '<path d="M12 3a9 9 0 0 0 0 18z" fill="currentColor"/>',
    "refused": _OCTAGON + '<path d="m9 9 6 6m0-6-6 6"/>',
    "bad": _OCTAGON + '<path d="m9 9 6 6m0-6-6 6"/>',
    "fork": '<path d="M3 12h6l5-6h7M9 12l5 6h7"/>',
    "logo": (
        '<g fill="currentColor" stroke="none"><rect x="1" y="2" width="8" height="20" rx="1.5"/>'
        '<rect x="15" y="2" width="8" height="20" rx="1.5" opacity=".55"/></g>'
        '<path d="M12 3v18" stroke-width="1.6" stroke-dasharray="2.4 2.2"/>'
    ),
}
_DRAWN |= {"expiring": _DRAWN["half"], "expired": _DRAWN["refused"]}


@lru_cache(maxsize=512)
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """Inline SVG. `size` is "", "small" or "large"; with a `label` it is an image with a name, else it is hidden from
    readers. An unknown name raises heroicons' IconDoesNotExist: a page's test finds it."""
    classes = "logo" if name == "logo" else f"icon icon-{size}" if size else "icon"
    named = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="{}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" '
        'stroke-linecap="round" stroke-linejoin="round" focusable="false" {}>{}</svg>',
        classes,
        named,
        mark_safe(_DRAWN.get(name) or _paths(CALLED.get(name, name))),  # noqa: S308 - ours or heroicons' drawing
    )


def _paths(name: str) -> str:
    """What is inside a heroicon: its frame carries sizes and widths that our styles decide."""
    svg = heroicon_outline(name, size=None)
    return svg[svg.index(">") + 1 : svg.rindex("</svg>")]


def exists(name: str) -> bool:
    try:
        icon(name)
    except heroicons.IconDoesNotExist:
        return False
    return True
