"""Margin models as venues have them: each module composes the parts of one family."""
