"""License Management: products, their use and their holders."""
