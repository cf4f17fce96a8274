"""The only code that touches the vendor's private keys."""
