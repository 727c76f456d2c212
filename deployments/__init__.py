"""How the flows are served: schedules, triggers, limits."""
