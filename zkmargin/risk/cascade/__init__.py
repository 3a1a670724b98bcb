"""Cascading margin calls: a crowd of accounts, forced flow, impact, and the next breach, on many paths at once."""
