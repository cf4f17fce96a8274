"""What a bot does with the SDK. It knows the server's address and its API key, from its environment, and no more.

Each line that it prints is a step, as JSON, for the narrator.
"""

import json

from carnet.sdk import Client, Exhausted

BOTS, PAGES = "unattended-bot-runner", "document-pages"


def main() -> None:
    with Client.from_environment() as client, client.seat(BOTS, holder="bot-17") as seat:
        tell(f"holds seat {seat.answer.in_use} of {seat.answer.granted}; it is renewed in the background")
        left = client.consume(PAGES, 1000).remaining
        tell(f"consumed 1,000 pages; {left:,} are left")
        with client.reserve(PAGES, 500) as work:
            seat.check()
            left = work.settle(200).remaining
        tell(f"reserved 500 pages, needed 200, the rest returned; {left:,} are left")
        with client.seat(BOTS, holder="bot-18"):
            another(client)
    tell("gave its seats back", left=left)


def another(client: Client) -> None:
    try:
        client.acquire(BOTS, "bot-19")
    except Exhausted as refusal:
        tell(f"bot-19 is refused: {refusal}", refused=refusal.code)


def tell(what: str, **more: object) -> None:
    print(json.dumps({"bot": what, **more}), flush=True)


if __name__ == "__main__":
    main()
