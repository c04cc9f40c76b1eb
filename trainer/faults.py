"""The failures of training, as sentences for the user (see `index.errors`)."""

from __future__ import annotations

from index.errors import TebikiError


class TeacherFailed(TebikiError):
    """The teacher gave nothing to go on with: it timed out, refused, or its file is not valid. Says which and the
    mend."""


class QuestionsUnusable(TebikiError):
    """A file of questions, or of a public set, breaks its form; names file, line and reason."""


class ClusterMissing(TebikiError):
    """Work was to be spread over a Ray cluster, which is not installed or does not answer."""


class TrainingFailed(TebikiError):
    """Training can't go on: the loss is not a number, or memory or disk ran out; says where and what to change."""
