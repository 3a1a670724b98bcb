"""Small circuits that margin models are made of."""
