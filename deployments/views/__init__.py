"""Pages of this floor: parse, authorise, one call, render."""
