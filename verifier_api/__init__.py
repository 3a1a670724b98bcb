"""The service: over HTTP it answers one question, does this proof hold? As a library it also remembers the answers."""
