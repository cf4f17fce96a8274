"""REST for bots and products, /api/v1. A thin door: a plain function from a request to its answer, and its carriers."""
