"""Proofs that a derivatives account is above its margin requirement, without showing the account."""
