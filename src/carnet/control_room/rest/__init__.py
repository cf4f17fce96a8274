"""The REST interface: HTTP/1.1 over TCP, for bots and products."""
