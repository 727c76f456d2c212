"""What people and their tools look at: the page, the calendar, the metrics, the artifacts.

Everything here turns facts (`trustwright.policy.overview`) into text and asks nobody for more.
"""
