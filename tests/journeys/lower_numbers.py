"""L2: the numbers that two people enter before they accept a history: the least, those computed, or some between."""

from carnet.calm.control_rooms.models import ControlRoom, RefusedFile
from carnet.calm.use_cases.carrying import key_of
from carnet.calm.use_cases.histories import compare
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.verdicts import Code
from tests.calm.conftest import World, ok


def lower_numbers(world: World, room: str) -> dict[str, int]:
    """Of the newest history of the Control Room that waits; none where none does."""
    rows = RefusedFile.objects.filter(room=room, kind="lfr", code=Code.HISTORY_MISMATCH, resolved=False)
    row = rows.order_by("-id").first()
    if row is None:
        return {}
    read = ok(read_lfr(bytes(row.raw), stored=True))
    share = world.random(1)[0] % 3
    carried = compare(ControlRoom.objects.get(id=room), read.lfr).carried
    return {key_of(one): one.least + (one.most - one.least) * share // 2 for one in carried}
