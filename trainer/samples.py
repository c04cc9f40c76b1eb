"""What is trained on, as tokens: rows, and the units that carry a loss. Frozen, without behaviour.

A row is one sequence with the tokens marked that the model is to learn; a unit is what must be computed together: one
row for running text and trajectories, and one for a choice question, its options side by side after one prompt.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids, and which of them are targets: `trained[t]` says that token t, predicted from those before it, counts
    in the loss. `segments[t]` numbers the stretches of a row that do not see each other: documents that were packed,
    or continuations of one prompt. The first `shared` tokens are that prompt, segment 0, and seen by all."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    segments: tuple[int, ...] = ()
    shared: int = 0

    @property
    def targets(self) -> int:
        """Tokens with loss."""
        return sum(self.trained)

    def sources(self) -> list[tuple[int, int]]:
        """For each target the positions of the token that predicts it and of itself: the one before, or the prompt's
        last where a continuation begins."""
        pairs = []
        for at, trained in enumerate(self.trained):
            if trained:
                begins = self.shared and self.segments[at] != self.segments[at - 1]
                pairs.append((self.shared - 1 if begins else at - 1, at))
        return pairs


@dataclass(frozen=True, slots=True)
class Text:
    """A row whose trained tokens are to be made likelier: loss is their negative log-likelihood."""

    row: Row

    @property
    def rows(self) -> tuple[Row, ...]:
        """The one row."""
        return (self.row,)


@dataclass(frozen=True, slots=True)
class Choice:
    """Options to be ranked, as continuations of one prompt that holds evidence and question, each ended by the model's
    verdict, the one token that is trained; `answer` is the index of the right option, whose segment is one more.

    An option's score is the logit of the verdict "right" (what stands in the row) less that of `wrong`, and the loss
    is listwise: cross-entropy over the options' scores. So scores `agent.exam.judged`.
    """

    row: Row
    answer: int
    wrong: int

    @property
    def rows(self) -> tuple[Row, ...]:
        """The one row."""
        return (self.row,)

    @property
    def options(self) -> int:
        """How many options there are."""
        return max(self.row.segments)


Unit = Text | Choice
