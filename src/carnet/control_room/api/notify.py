"""Tell systemd how far a service is (sd_notify): one datagram to the socket that it names, or nothing at all."""

import socket


def notify(address: str | None, state: str) -> None:
    """`address` is NOTIFY_SOCKET's value; an abstract one begins with @."""
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.connect(name)
            sender.send(state.encode())
        except OSError:
            return  # nobody listens: that must not end the service
