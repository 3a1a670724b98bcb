"""What a venue does about margin as a whole: parameters that move, breakers, liquidation, losses; and simulators.

Everything here is public-side finance on top of the margin models; nothing in it is proved. What it decides reaches the
proofs only as the next snapshot: new parameters, a mark, a breaker state.
"""
