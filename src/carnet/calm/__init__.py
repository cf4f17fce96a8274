"""CALM (Customer Account & License Management): the vendor's portal. A file has one way through the house:
door → use case in `issuing` → `exchange` reads it → rules decide → one transaction → answer."""
