"""What users and this project's own tests and benchmarks share."""
