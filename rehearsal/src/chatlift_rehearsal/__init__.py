"""A cloud on one Linux machine: an emulated AWS API whose instances are real."""
