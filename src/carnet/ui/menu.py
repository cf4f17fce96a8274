"""The menu at the left and the person's menu, as data: pages give it, the base template draws it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Item:
    label: str
    url: str
    icon: str = ""
    count: int | None = None
    current: bool = False


@dataclass(frozen=True)
class Section:
    """`title` may be empty: the first section mostly has none."""

    title: str
    items: tuple[Item, ...]


def at(sections: Sequence[Section], path: str) -> tuple[Section, ...]:
    """The same menu with the item marked whose address is the longest beginning of `path`."""
    urls = (item.url for section in sections for item in section.items if path.startswith(item.url))
    here = max(urls, key=len, default=None)
    return tuple(
        replace(section, items=tuple(replace(item, current=item.url == here) for item in section.items))
        for section in sections
    )
