"""Pure functions of (what the API says, what runs) to the actions that make the two agree."""
