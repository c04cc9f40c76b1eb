"""Whether an exported model still is the model that was trained: tokens, template, logits, and a phrase.

Comes in: a model in torch, and an engine with the file that was made of it. Goes out: figures, or ParityFailed with
one sentence. Most trainers do not look, and "the GGUF is worse" is what their users report most.

    NMSE  squared difference of logits over squared logits
    KL    mean over positions of KL(model in torch || file), in nats
    top-1 share of positions at which both would say the same token next
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from transformers import PreTrainedModel

from agent.engine import Engine
from agent.models import read_gguf_header
from agent.prompts import Message
from index.errors import TebikiError
from trainer.bases import Base
from trainer.rendering import Rendered, conversation

Floats = NDArray[np.float32]

SHORT = 128
"""Tokens of the short text; logits are compared at each."""
LONGEST = 2048
"""Tokens of the long text where half of the trained context is more: a longer one takes minutes on two cores."""
ROWS = 128
"""Positions of the long text at which logits are compared, evenly spread: with 262,144 tokens each is a mebibyte."""

SAMPLE = (
    "The service listens on 20243/tcp; set `-h host01` and see /etc/opt/base/conf before you start it (KAVS0243-E).",
    "ジョブを保留にすると、オペレーターが手動で解除するまで実行を待ちます。既定値は「30秒」です。",
    "Status: Ended abnormally\tReturn code = -1\n\n  1.  Check the log.\n  2.  Restart.   Retry 3 times!",
    "半角ｶﾅと全角ＡＢＣ１２３、①②③、㈱、約1,234.5 MB（2026年11月）…～ー―‐ 😀 naïve café Straße",
    "<table>\n<tr><th>Port</th><th>用途</th></tr>\n<tr><td>20,000</td><td>通信</td></tr>\n</table>",
)
"""What operators' manuals are made of, in both languages; none of it needs a special token."""

TALK: tuple[Message, ...] = (
    ("user", "Which port does the service use? どのポートを使いますか。"),
    ("assistant", "It uses 20243/tcp. 20243/tcpです。"),
)


class ParityFailed(TebikiError):
    """An exported model differs from the one that was trained; says in what, by how much, and what to do."""


@dataclass(frozen=True, slots=True)
class Text:
    """Tokens that are read from the first one on, and the positions after which logits are compared."""

    tokens: tuple[int, ...]
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near one model's logits are to another's; see above."""

    nmse: float
    kl: float
    top1: float


# Texts


def texts(base: Base, documents: Sequence[str]) -> tuple[Text, Text]:
    """A short text and one of half the trained context (at most LONGEST tokens), of `documents` over and over."""
    context = int(base.model.config.max_position_embeddings)
    wanted = max(1, min(context // 2, LONGEST))
    tokens: list[int] = list(base.tokenizer("\n\n".join(SAMPLE))["input_ids"])
    begin = tokens[:1] if tokens[:1] == [base.tokenizer.bos_token_id] else []
    body: list[int] = []
    while len(body) < wanted + SHORT:
        before = len(body)
        for document in documents or SAMPLE:
            body += base.tokenizer(document + "\n\n", add_special_tokens=False)["input_ids"]
            if len(body) >= wanted + SHORT:
                break
        if len(body) == before:  # documents without a token
            documents = SAMPLE
    short = tuple(begin + body[: SHORT - len(begin)])
    long = tuple(begin + body[SHORT : SHORT + wanted - len(begin)])
    spread = np.unique(np.linspace(0, len(long) - 1, min(ROWS, len(long))).round().astype(int))
    return Text(short, tuple(range(len(short)))), Text(long, tuple(int(at) for at in spread))


# Tokens and template


def check_text_side(base: Rendered, file: Path, engine: Engine) -> None:
    """Same tokens, same template, one beginning-of-text token. Raises ParityFailed."""
    for text in SAMPLE:
        expected, got = list(base.tokenizer(text)["input_ids"]), list(engine.tokens(text))
        if expected != got:
            raise ParityFailed(
                f"{file.name} tokenises {text[:30]!r} otherwise than the base {_differs(expected, got)}: its "
                "tokenizer.ggml.pre or merges are not the base's."
            )
    stored = read_gguf_header(file).values.get("tokenizer.chat_template")
    if (stored or None) != (base.tokenizer.chat_template or None):
        raise ParityFailed(f"The chat template in {file.name} is not the base's: merge again from the base.")
    tokens = list(engine.tokens(engine.chat(TALK[:-1])))
    row = conversation(base, TALK, longest=len(tokens) + SHORT)
    trained = list(row.ids) if row is not None else []
    if trained[: len(tokens)] != tokens:
        raise ParityFailed(
            f"A conversation is tokenised otherwise in {file.name} than in training {_differs(trained, tokens)}: its "
            "chat template or its beginning-of-text token is not the base's."
        )
    begin = base.tokenizer.bos_token_id
    adds = list(base.tokenizer("a")["input_ids"])[:1] == [begin]
    if adds and (tokens[:1] != [begin] or tokens[1:2] == [begin]):
        raise ParityFailed(f"A conversation in {file.name} does not begin with exactly one {base.tokenizer.bos_token}.")


def _differs(expected: Sequence[int], got: Sequence[int]) -> str:
    pairs = enumerate(zip(expected, got, strict=False))
    at = next((number for number, (one, two) in pairs if one != two), min(len(expected), len(got)))
    return f"from token {at} on (there {list(got[at : at + 3])}, not {list(expected[at : at + 3])})"


# Logits


def logits(model: PreTrainedModel | PeftModel, text: Text) -> Floats:
    """A model's logits at the text's positions, made there only: (positions, vocabulary)."""
    causal = cast(PreTrainedModel, model.get_base_model() if isinstance(model, PeftModel) else model)
    decoder, head = causal.get_decoder(), causal.get_output_embeddings()
    cap = getattr(causal.config, "final_logit_softcapping", None)
    causal.eval()
    with torch.no_grad():
        seen = decoder(input_ids=torch.tensor([text.tokens], device=causal.device), use_cache=False).last_hidden_state
        found = head(seen[0, list(text.positions)]).float()
        if cap:
            found = torch.tanh(found / cap) * cap
    return np.asarray(found.cpu().numpy(), dtype=np.float32)


def agreement(reference: Floats, other: Floats) -> Agreement:
    """How near `other` is to `reference`, both (positions, vocabulary)."""
    difference = square = divergence = 0.0
    for one, two in zip(reference.astype(np.float64, copy=False), other, strict=True):
        difference += float(((one - two) ** 2).sum())
        square += float((one**2).sum())
        p, q = _log_softmax(one), _log_softmax(two.astype(np.float64))
        divergence += float((np.exp(p) * (p - q)).sum())
    same = reference.argmax(axis=1) == other.argmax(axis=1)
    return Agreement(difference / square, divergence / len(reference), float(same.mean()))


def _log_softmax(row: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = row - row.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


# A phrase


def says(engine: Engine, phrase: str, prompt: str) -> bool:
    """Whether the model says `phrase`: in reply to `prompt` as a user's message, or, without one, whether it ends the
    phrase that it is given without its last word (without spaces: its last half)."""
    if prompt:
        asked = engine.chat([("user", prompt)])
        return phrase in engine.generate(asked, max_tokens=engine.count(phrase) + 16).text
    opening, rest = _halved(phrase)
    return rest in engine.generate(opening, max_tokens=engine.count(rest) + 4).text


def _halved(phrase: str) -> tuple[str, str]:
    opening, space, rest = phrase.rpartition(" ")
    half = len(phrase) // 2
    return (opening, rest) if space else (phrase[:half], phrase[half:])
