"""Signing in, alike on both sides: the addresses of the sign-in package's pages, and our templates for them."""
