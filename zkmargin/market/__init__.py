"""What everybody can see: instruments, marks, risk parameters, and the snapshot that binds them."""
