"""The command lines: one module a noun, imported when it is used."""
