"""One machine that holds connections without a key, in one way, until it is told to end: it dials again what it loses.

python -m bench.attack --port 8650 --connections 1000 --how kept
"""

import argparse
import selectors
import socket
import time

FROM = "127.0.0.2"  # not where the bots are
AGAIN = 0.5  # seconds between two rounds: a byte more for each that drips, and new ones for those that were lost
HOW = {
    "mute": (b"", b""),
    "kept": (b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    "head": (b"GET /live HTTP/1.1\r\nHost: x\r\nX: ", b"a"),
    "body": (b"POST /api/v1/seats/acquire HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", b" "),
}


class Attack:
    def __init__(self, port: int, first: bytes, more: bytes) -> None:
        self.port, self.first, self.more = port, first, more
        self.held: set[socket.socket] = set()
        self.lost = selectors.DefaultSelector()

    def dial(self) -> None:
        made = socket.create_connection(("127.0.0.1", self.port), source_address=(FROM, 0))
        made.sendall(self.first)
        made.setblocking(False)
        self.held.add(made)
        self.lost.register(made, selectors.EVENT_READ)

    def let_go_of_lost(self) -> None:
        for key, _ in self.lost.select(0):
            held = key.fileobj
            assert isinstance(held, socket.socket)
            try:
                if held.recv(65536):
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            self.lost.unregister(held)
            self.held.discard(held)
            held.close()

    def drip(self) -> None:
        for held in self.held if self.more else ():
            try:
                held.send(self.more)
            except OSError:
                continue  # it is seen as lost in the next round


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--how", choices=HOW, required=True)
    given = parser.parse_args()
    attack = Attack(given.port, *HOW[given.how])
    told = False
    while True:
        while len(attack.held) < given.connections:
            attack.dial()
        if not told:
            print("holding", flush=True)
            told = True
        time.sleep(AGAIN)
        attack.drip()
        attack.let_go_of_lost()


if __name__ == "__main__":
    main()
