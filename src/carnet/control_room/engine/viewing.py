"""What questions are answered from: the engine's state and ledger at one moment."""

from carnet.control_room.authority.decision import View
from carnet.control_room.authority.trusted_time import Reading
from carnet.control_room.engine.engine import Engine


def view_of(engine: Engine, reading: Reading, storage: str = "") -> View:
    """`storage`: why nothing can be written now, if so."""
    moment = engine.moment(reading)
    book, document = engine.book, engine.store.document
    return View(
        engine.state,
        engine.checkpoint,
        moment.now,
        reading,
        document,
        book.records,
        storage,
        moment,
        leaf=book.leaf,
        node=book.node,
    )
