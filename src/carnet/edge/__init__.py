"""Where the network begins, for every server of both sides: accepting, TLS, limits, and HTTP/1.1 on a connection."""
