"""What it all meant."""
