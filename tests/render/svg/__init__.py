"""Charts: what they show, what a strict reader says of them, and how they look."""
