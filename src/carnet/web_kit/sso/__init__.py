"""Sign-in by an issuer (OpenID Connect), by the sign-in package's own provider. Loaded only where it is on."""
