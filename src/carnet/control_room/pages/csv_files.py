"""CSV files to take away, row by row as they come."""

from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

from carnet.csv_cells import csv_line
from carnet.web_kit.files import file_name


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Row by row, as they come. `rows` asks the engine over a connection of its own: the request's is closed then."""
    answer = StreamingHttpResponse(_lines(head, rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{file_name(name)}"'
    return answer


def _lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield csv_line(head)
    for row in rows:
        yield csv_line(row)
