"""What a venue does about risk that moves: shocks, controls, and the cascade of margin calls they are meant to stop."""
