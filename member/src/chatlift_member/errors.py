"""The errors an operator reads: each message is one sentence that says what is wrong and where."""


class AgentError(Exception):
    """The agent cannot go on; ``str(error)`` is the sentence for the journal.

    Never put a secret's value into the message.
    """


class NotInTime(AgentError):
    """A deadline passed before the awaited condition held."""


class Refused(AgentError):
    """What was asked would do harm as things are; nothing was changed."""


class Abandoned(AgentError):
    """The launch failed and the Auto Scaling group was told so."""
