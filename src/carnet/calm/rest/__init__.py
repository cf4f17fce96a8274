"""The REST interface of CALM."""
