"""How weights are made: data, losses, optimiser, step, fallbacks, loop. Imports `flow`, `picture` and `errors`."""
