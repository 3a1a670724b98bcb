"""The group, its scalars and its generators: the ground floor of the tower of cryptography."""
