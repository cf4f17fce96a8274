"""What somebody on the machine has the pages do, once Django is set up."""

from carnet.control_room.local_api.client import EngineClient
from carnet.control_room.local_api.pages_acts import PagesAct, Told
from carnet.control_room.pages import notices, sign_in
from carnet.control_room.queries.questions import Status


def perform(act: PagesAct, client: EngineClient) -> str | Told:
    """The path of a link, what came of telling somebody, what was sent; an empty text where nothing is to be said."""
    match act.what:
        case "link":
            return sign_in.link_for(act.name)
        case "forget":
            sign_in.forget(act.name)
        case "unlock":
            sign_in.unlock(act.name)
        case "tell_factors_removed":
            return notices.tell_factors_removed(act.name, act.by)
        case "notify":
            return notices.send_due(client, client.ask(Status()).clock.trusted)
    return ""
