"""The steps from an empty database to the newest schema, run from inside the package."""
