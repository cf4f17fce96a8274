"""The pages for people: a Django project in a process of its own, which asks the engine over its local socket."""
