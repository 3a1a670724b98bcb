"""Margin models as constraints: each module has the name of the plain rule that it equals."""
