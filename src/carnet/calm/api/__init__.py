"""CALM's REST interface, /api/v1/: the same use cases for programs. A thin door: it holds no rule.

Every operation names what one must be allowed to do (`opens`); one that names nothing is shut (A1). A caller shows an
API token of a person, and may what that person may. OpenAPI 3.1: /api/v1/openapi.json.
"""
