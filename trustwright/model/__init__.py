"""The nouns: frozen pydantic models of what crosses a boundary."""
