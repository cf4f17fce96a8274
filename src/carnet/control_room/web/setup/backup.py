"""A backup, as a file to carry away: made by the command, in a process of its own, while bots are served."""

import subprocess
import tempfile
from pathlib import Path

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

from carnet.control_room.granting.people import Access, May, NoteAccess
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.given import given, world
from carnet.errors import StorageError
from carnet.ui.downloads import file_name

PATIENCE = 600  # seconds


@opens(May.ADMINISTER)
@require_POST
def backup(request: Visit) -> HttpResponseBase:
    """Raises StorageError where it could not be made."""
    request.desk.execute(NoteAccess(Access.BACKUP_TAKEN), request.person.name)
    with tempfile.TemporaryDirectory(dir=given().folder, prefix=".backup-") as scratch:
        out = Path(scratch) / "backup"
        words = ["backup", "--out", str(out), "--data", given().folder]
        done = subprocess.run([*world().command, *words], capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise StorageError("The backup could not be made.", "See whether the disk has room, then try again.")
        packed = out.open("rb")  # it can be read as long as it is open, though its name goes
    name = file_name(f"{request.status.name}-{request.now:%Y-%m-%d}.backup")
    answer = FileResponse(packed, as_attachment=True, filename=name, content_type="application/octet-stream")
    answer["Cache-Control"] = "no-store"
    return answer
