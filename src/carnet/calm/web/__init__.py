"""CALM's pages: thin doors. A view reads a form or a file, calls a use case or a question of `overview`, and shows the
answer. It holds no rule."""
