"""The pages' filters and tags. They are builtins: no template needs to load them.

A filter given nothing answers nothing, so that a page of a thing not yet there needs no `if` around each time.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.forms import BoundField
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from carnet import times
from carnet.web_kit import (
    bars,
    icons,
    states,
    words,
)

register = template.Library()


# --- words ---------------------------------------------------------------------------------------------------------


@register.filter
def number(value: int | float | str | None) -> str:
    return words.number(_as_number(value)) if value not in (None, "") else ""


@register.filter
def signed(value: int | float | str | None) -> str:
    return words.signed(_as_number(value)) if value not in (None, "") else ""


@register.filter
def moment(at: datetime | None) -> str:
    return times.moment(at) if at else ""


@register.filter
def minute(at: datetime | None) -> str:
    """As `moment`, without the day of the week: for tables and second lines."""
    return times.minute(at) if at else ""


@register.filter
def second(at: datetime | None) -> str:
    return times.second(at) if at else ""


@register.filter
def day(at: datetime | date | None) -> str:
    return times.day(at) if at else ""


@register.filter
def end(at: datetime | None) -> str:
    """An end in a column or beside a label: `end of 2027-11-29 (UTC)`, `perpetual`."""
    return times.end(at) if at else ""


@register.filter
def until(at: datetime | None) -> str:
    """An end within a sentence: `until the end of 2027-11-29 (UTC)`, `perpetual`."""
    return times.until(at) if at else ""


@register.filter
def ends(at: datetime | None, now: datetime) -> str:
    """`ends at the end of 2027-11-29 (UTC), in 3 d 2 h`; `ended …`; `is perpetual`."""
    return times.ends(at, now) if at else ""


@register.filter
def end_typed(at: datetime | None) -> str:
    """An end as a field takes it back: `2027-11-30`, `perpetual`."""
    return times.end_typed(at) if at else ""


@register.filter
def is_perpetual(at: datetime | None) -> bool:
    """Q1: True of an end that is never announced."""
    return at is not None and times.is_perpetual(at)


@register.filter
def iso(at: datetime | None) -> str:
    return times.as_utc(at).isoformat().replace("+00:00", "Z") if at else ""


@register.filter
def left(until: datetime | None, now: datetime) -> str:
    return times.left(until, now) if until else ""


@register.filter
def ago(at: datetime | None, now: datetime) -> str:
    return times.ago(at, now) if at else ""


@register.filter
def urgency(until: datetime | None, now: datetime) -> str:
    return words.urgency(until, now) if until else "plain"


@register.filter
def span(value: timedelta | None) -> str:
    return times.span(value) if value is not None else ""


@register.filter
def held(since: datetime | None, now: datetime) -> str:
    """For how long by now: `3 h 27 min`."""
    return times.span(times.as_utc(now) - times.as_utc(since)) if since else ""


@register.filter
def units_left(until: datetime, now: datetime) -> tuple[tuple[int, str], ...]:
    return times.units(times.as_utc(until) - times.as_utc(now), full=True)


@register.filter
def passed(until: datetime | None, now: datetime) -> bool:
    return until is not None and times.as_utc(until) <= times.as_utc(now)


@register.filter
def size(count: int | None) -> str:
    return words.size(count) if count is not None else ""


@register.filter
def short(text: object) -> str:
    return words.short(str(text)) if text else ""


@register.filter
def fingerprint_lines(digest: str | None) -> tuple[str, ...]:
    """Each line as one string: `18a1 f1ee 0aed 73d3`."""
    return tuple(" ".join(groups) for groups in words.fingerprint_lines(digest or ""))


@register.filter
def digits16(digest: str | None) -> str:
    return words.digits16(digest or "")


@register.filter
def headline(text: object) -> tuple[str, str]:
    return words.headline(str(text))


@register.filter
def code_words(code: object) -> str:
    """A refusal's code as words: `history_does_not_match` → `history does not match`."""
    return str(code).replace("_", " ")


def _as_number(value: int | float | str | None) -> int | float:
    if isinstance(value, int | float):
        return value
    text = str(value)
    return float(text) if "." in text else int(text)


# --- signs ---------------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    return icons.icon(str(name), size, label)


@register.filter
def state_look(state: object) -> states.Look:
    return states.look(str(state))


@register.filter
def tone_icon(tone: object) -> str:
    """The sign that belongs to a tone, so that no state is told by colour alone."""
    return states.TONE_ICONS.get(str(tone), "info")


@register.filter
def banner_icon(banner: Any) -> str:
    """The sign of a site's banner, by its kind and tone: on each page the same."""
    return states.banner_icon(banner.kind, banner.tone)


@register.filter
def message_tone(level: object) -> str:
    """Django's word for a message's level as a tone."""
    return {"error": "bad", "warning": "warn", "success": "ok"}.get(str(level), "info")


@register.simple_tag
def bar_parts(used: object, held: object, whole: object) -> bars.Bar:
    """The two ends of a bar in percent."""
    return bars.bar(*(int(str(part or 0)) for part in (used, held, whole)))


@register.filter
def percent(value: float) -> str:
    """An SVG length: `66.25%`."""
    return f"{value:g}%"


@register.simple_tag
def share_passed(start: datetime, until: datetime, now: datetime) -> int:
    """How much of a window has passed, in percent from 0 to 100."""
    whole = times.as_utc(until) - times.as_utc(start)
    gone = times.as_utc(now) - times.as_utc(start)
    return max(0, min(100, round(100 * (gone / whole)))) if whole else 100


# --- forms ---------------------------------------------------------------------------------------------------------


@register.simple_tag
def control(field: BoundField, **attributes: object) -> SafeString:
    """A form field's widget, tied to its hint and its error for readers; blank `attributes` are left out."""
    said = [f"{field.auto_id}_hint"] if attributes.pop("hint", None) or field.help_text else []
    said += [f"{field.auto_id}_error"] if attributes.pop("error", None) or field.errors else []
    attrs: dict[str, Any] = {name: value for name, value in attributes.items() if value not in (None, "", False)}
    if said:
        attrs["aria-describedby"] = " ".join(said)
        if said[-1].endswith("_error"):
            attrs["aria-invalid"] = "true"
    return field.as_widget(attrs=attrs)


@register.filter
def field_kind(field: BoundField) -> str:
    """How a field is laid out: `hidden`, `box` (one check box), `choices` (a list of them), `file` or `line`."""
    widget = field.field.widget
    if widget.is_hidden:
        return "hidden"
    kind = str(getattr(widget, "input_type", ""))
    if kind in ("checkbox", "radio"):
        return "choices" if getattr(widget, "option_template_name", None) else "box"
    return "file" if kind == "file" else "line"


# --- small helps for templates -------------------------------------------------------------------------------------


@register.filter
def get(mapping: Mapping[Any, Any] | None, key: object) -> object:
    """`{{ table|get:key }}`: what is under a key that is a variable."""
    return mapping.get(key) if mapping else None


@register.filter
def joined(parts: Iterable[object]) -> str:
    """Facts on one line, with a dot between; what is empty is left out."""
    return " · ".join(str(part) for part in parts if part not in (None, ""))


@register.filter
def spread(attrs: Any) -> SafeString:
    """A component's other attributes, each value escaped: cotton's own way of writing them does not escape."""
    given: dict[str, object] = attrs.attrs_dict()
    return format_html_join(
        "",
        " {}{}",
        (
            (name, "" if value is True else format_html('="{}"', value))
            for name, value in given.items()
            if value is not False and value is not None
        ),
    )


@register.simple_tag(takes_context=True)
def page_link(context: template.Context, name: str, page: int) -> str:
    """The same address with another page: sort and filter stay."""
    request: HttpRequest | None = context.get("request")
    query = request.GET.copy() if request else QueryDict(mutable=True)
    query[name] = str(page)
    return f"?{query.urlencode()}"
