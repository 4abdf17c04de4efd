"""How weights are made: settings, data, losses, step, fallbacks, reports, loop. Imports `flow`, `picture`, `errors`."""
