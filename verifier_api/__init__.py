"""The service that answers one question over HTTP: does this proof hold?"""
