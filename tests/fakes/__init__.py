"""Stand-ins for the ports, and a clock that holds still."""
