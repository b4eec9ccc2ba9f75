"""The Deployment Summary as Markdown, HTML and JSON: dataclasses in, text out, nothing here knows the database."""
