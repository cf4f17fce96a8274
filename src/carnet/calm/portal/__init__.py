"""The pages of CALM."""
