"""Prompt versions and rules as data: parse, check, render, evaluate, store."""
