"""Every row of every table of a page has as many cells as its head: asked of each page that a test is shown."""

from html.parser import HTMLParser


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[int]] = []  # of each table, how wide its rows are; of those that are open, the last
        self.open: list[list[int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.open.append([])
            self.rows.append(self.open[-1])
        elif tag == "tr" and self.open:
            self.open[-1].append(0)
        elif tag in ("td", "th") and self.open:
            self.open[-1][-1] += int(dict(attrs).get("colspan") or 1)

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.open.pop()


def uneven(html: str) -> list[list[int]]:
    """The tables whose rows are not equally wide, each as the widths of its rows in columns."""
    found = _Tables()
    found.feed(html)
    return [rows for rows in found.rows if len(set(rows)) > 1]
