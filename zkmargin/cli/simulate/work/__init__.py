"""The parts of `zkmargin simulate` that load the simulator: a command imports them when it runs, not before."""
