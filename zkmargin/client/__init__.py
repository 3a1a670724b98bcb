"""What an account runs on its own machine: the wallet that keeps its book, and everything secret in it."""
