"""Pure decisions: facts and settings in, a verdict with its reason out."""
