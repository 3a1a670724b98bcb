"""The bridge: margin rules, said in constraints, and the claims that rest on them."""
