"""Who is told, and who next."""
