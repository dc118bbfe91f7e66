"""Core clients: what trains, validates, schedules and records while a network runs."""
