"""License Management: what is installed, licensed, used and left; and one product."""
