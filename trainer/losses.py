"""Log-likelihoods of the trained tokens, and verdicts on options, with logits made only where there is loss.

Over a vocabulary of 262,144 the logits of every position are most of a small model's arithmetic and memory; here the
last hidden states of the trained positions alone meet the output matrix, some at a time, and are made again in the
backward pass rather than kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from trainer.samples import Choice, Row, Text, Unit

LOGITS = 1 << 24
"""Logits (positions times vocabulary) that are held at one time: 64 MiB in float32."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded to one width. `ids` (rows, width); `mask` (rows, 1, width, width), added to the attention's scores,
    and `positions` (rows, width), both None where rows hold one document each: padding stands behind, where no trained
    token sees it. For each target, flat: the row and position it is predicted from, its token, the token against which
    it is weighed (-1: all of the vocabulary), and its span. A span is a stretch whose score is asked for (a text's
    log-likelihood, an option's verdict); they are numbered through the batch."""

    ids: Tensor
    mask: Tensor | None
    positions: Tensor | None
    row: Tensor
    source: Tensor
    token: Tensor
    against: Tensor
    span: Tensor
    spans: int


class Likelihood(nn.Module):
    """A causal model as a module from a batch to the score of each of its spans, (spans,) in float32.

    It is one module with one forward pass so that DDP and FSDP can wrap it.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        causal = self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model
        causal = cast(PreTrainedModel, causal)
        decoder, head = causal.get_decoder(), causal.get_output_embeddings()
        seen = decoder(
            input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
        ).last_hidden_state
        picked = seen[batch.row, batch.source]
        cap = getattr(causal.config, "final_logit_softcapping", None)
        step = max(1, LOGITS // int(causal.config.vocab_size))
        pieces = [
            cast(Tensor, checkpoint(_scored, picked[at : at + step], batch.token[at : at + step],
                                    batch.against[at : at + step], head, cap, use_reentrant=False))
            for at in range(0, len(picked), step)
        ]  # fmt: skip
        return torch.zeros(batch.spans, device=seen.device).index_add(0, batch.span, torch.cat(pieces))


def _scored(hidden: Tensor, tokens: Tensor, against: Tensor, head: nn.Module, cap: float | None) -> Tensor:
    """The log-likelihood of each token; where it is weighed against another, the difference of the two logits."""
    logits = head(hidden).float()
    if cap:
        logits = torch.tanh(logits / cap) * cap
    likely = -nn.functional.cross_entropy(logits, tokens, reduction="none")
    other = -nn.functional.cross_entropy(logits, against.clamp(min=0), reduction="none")
    return torch.where(against >= 0, likely - other, likely)


def batch(units: Sequence[Unit], *, pad: int, device: torch.device, dtype: torch.dtype) -> Batch:
    """The units' rows, one behind the other, on the device; the mask is of `dtype`."""
    rows = [row for unit in units for row in unit.rows]
    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), pad)
    against = [unit.wrong if isinstance(unit, Choice) else -1 for unit in units for _ in unit.rows]
    targets: list[tuple[int, int, int, int, int]] = []
    spans = 0
    for at, row in enumerate(rows):
        ids[at, : len(row.ids)] = torch.tensor(row.ids)
        for source, target in row.sources():
            span = spans + (row.segments[target] - 1 if row.shared else 0)
            targets.append((at, source, row.ids[target], against[at], span))
        spans += max(row.segments) if row.shared else 1
    columns = [column.to(device) for column in torch.tensor(targets).unbind(1)]
    mask, positions = _apart(rows, width, dtype) if any(row.segments for row in rows) else (None, None)
    return Batch(
        ids.to(device),
        mask.to(device) if mask is not None else None,
        positions.to(device) if positions is not None else None,
        row=columns[0],
        source=columns[1],
        token=columns[2],
        against=columns[3],
        span=columns[4],
        spans=spans,
    )


def _apart(rows: Sequence[Row], width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A mask by which each token sees those before it in its own segment and in the shared prompt, and positions that
    begin anew with each segment, behind the prompt."""
    segments = torch.full((len(rows), width), -1)
    for at, row in enumerate(rows):
        segments[at, : len(row.ids)] = torch.tensor(row.segments or [0] * len(row.ids))
    shared = torch.tensor([row.shared for row in rows])[:, None]
    order = torch.arange(width)[None].expand(len(rows), -1)
    prompt = order < shared
    seen = (segments[:, :, None] == segments[:, None, :]) | prompt[:, None, :]
    seen &= torch.ones(width, width, dtype=torch.bool).tril()
    mask = torch.zeros(len(rows), 1, width, width, dtype=dtype)
    mask.masked_fill_(~seen[:, None], torch.finfo(dtype).min)
    starts = torch.ones_like(segments, dtype=torch.bool)
    starts[:, 1:] = segments[:, 1:] != segments[:, :-1]
    begun = torch.where(starts, order, 0).cummax(dim=1).values
    return mask, order - begun + torch.where(prompt, 0, shared)


def losses(units: Sequence[Unit], sums: Tensor) -> tuple[Tensor, Tensor, int]:
    """From the score of each span of the units, one behind the other: the negative log-likelihood of texts
    (summed over tokens), the listwise loss of choices (summed over questions), and how many choices came out right."""
    texts, choices = sums.new_zeros(()), sums.new_zeros(())
    right = at = 0
    for unit in units:
        match unit:
            case Text():
                texts = texts - sums[at]
                at += 1
            case Choice(answer=answer):
                scores = sums[at : at + unit.options]
                at += unit.options
                choices = choices - torch.log_softmax(scores, 0)[answer]
                right += int(scores.argmax() == answer)
    return texts, choices, right
