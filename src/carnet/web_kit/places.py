"""Addresses of pages, also below a path prefix (`carnet.edge.prefix`)."""

from django.conf import settings


def with_prefix(path: str) -> str:
    """A path as browsers ask for it. Django knows the prefix while it answers a request, and not in other threads or
    in a command."""
    prefix = settings.FORCE_SCRIPT_NAME or ""
    return path if path.startswith(f"{prefix}/") else prefix + path
