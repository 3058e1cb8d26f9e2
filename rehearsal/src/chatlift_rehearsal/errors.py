"""Errors whose message is a sentence for the person at the terminal."""

from __future__ import annotations


class RehearsalError(Exception):
    """Something a person can act on: what is wrong, where, and what to do."""
