"""Prompt versions and rules as data: store, validation, rendering, enforcement."""
