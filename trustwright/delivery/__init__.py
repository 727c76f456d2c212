"""Brings a consumer's set to where its software reads it."""
