"""The member agent: makes a disposable instance into a durable member of its tier."""
