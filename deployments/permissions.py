"""What a token may do."""
