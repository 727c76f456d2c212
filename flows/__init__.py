"""Flows as prose: functions only, one flow a file; branching belongs to `trustwright.policy`."""
