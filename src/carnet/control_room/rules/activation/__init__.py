"""The exchange on the site: token, request, license file (E)."""
