"""The facts CI reports, and who may see them."""
