"""Refusals that are fit to be read by the person who asked."""


class DomainError(Exception):
    """An expected refusal. Its text is one plain sentence for the reader; anything else that is raised is a bug."""


class IllegalTransition(DomainError):
    """A row was asked to move to a state that its present state does not lead to."""


class FieldRefused(DomainError):
    """A refusal that belongs to one field of a form; the page shows the sentence beside it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
