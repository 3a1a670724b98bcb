"""The ledger: commitments that change only by entries which everybody can check and nobody can read."""
