"""The socket of a running server in the data folder, for the command line and the pages."""
