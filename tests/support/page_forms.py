"""The forms of a page, as a browser would send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_UNSENT = ("submit", "button", "reset", "image")


@dataclass
class PageForm:
    """A form with method POST. `fields`: what it holds as it opens; `buttons`: each that sends it, with its name."""

    id: str
    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, values: dict[str, str]) -> dict[str, list[str]]:
        """What is sent: empty fields get a value by their name, or the name itself."""
        return {
            name: [value or values.get(name, name) for value in held] if name != "csrfmiddlewaretoken" else held
            for name, held in self.fields.items()
        }


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._open: PageForm | None = None
        self._select: tuple[PageForm, str, list[tuple[str, bool]]] | None = None
        self._area: tuple[PageForm, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = PageForm(said.get("id", ""), said.get("action", ""))
            if said.get("method", "").lower() == "post":
                self.forms.append(self._open)
        form = self._form(said)
        if form and tag in ("input", "button", "select", "textarea"):
            self._take(form, tag, said)
        elif tag == "option" and self._select:
            self._select[2].append((said.get("value", ""), "selected" in said))

    def _form(self, said: dict[str, str]) -> PageForm | None:
        if "form" in said:
            return next((form for form in self.forms if form.id == said["form"]), None)
        return self._open

    def _take(self, form: PageForm, tag: str, said: dict[str, str]) -> None:
        name, kind = said.get("name", ""), said.get("type", "text" if tag == "input" else "submit")
        if tag == "select":
            self._select = (form, name, [])
        elif tag == "textarea":
            self._area = (form, name)
            form.fields[name] = [""]
        elif tag == "button" or kind in _UNSENT:
            form.buttons += [(name, said.get("value", ""))] if name and kind == "submit" else []
        elif kind == "file":
            form.files.append(name)
        elif kind in ("checkbox", "radio"):
            if kind == "checkbox" or "checked" in said or name not in form.fields:
                form.fields[name] = [said.get("value", "on")]
        elif name:
            form.fields.setdefault(name, []).append(said.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select" and self._select:
            form, name, options = self._select
            chosen = [value for value, selected in options if selected] or [value for value, _ in options if value]
            form.fields[name] = chosen[:1] or [""]
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area and data.strip():
            form, name = self._area
            form.fields[name] = [data.strip()]


def post_forms(page: str) -> list[PageForm]:
    """Each form of the page that is sent by POST."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms
