"""The pages of either side as a WSGI application. Django must be set up before."""

from django.core.handlers.wsgi import WSGIHandler

application = WSGIHandler()
