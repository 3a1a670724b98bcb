"""Books, claims and the margin rules that decide whether a book meets a claim."""
