"""The processes of a session: core, workers, interface processes; their clock, commands and clients."""
