"""The process that runs llama.cpp: requests in on standard input, events and answers out on standard output.

Started by `agent.engine` as `python -m agent.engine_worker`; the messages are in `agent.protocol`. This is the only
module that imports llama_cpp, and it uses the C interface: the high-level class can neither stop in the middle of a
prompt nor keep a prompt's KV cache while it tries continuations, and to score one it keeps every token's logits.

A thread reads the requests, so that a cancel is seen while the main thread computes. The process ends with its
standard input: nothing is left running when the application dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when libgomp is loaded, with llama_cpp

import numpy as np
from llama_cpp import __version__ as llama_cpp_version
from llama_cpp import llama_cpp as llama
from numpy.typing import NDArray

from agent import protocol
from agent.engine_desk import Cancelled, Desk, Refused, Row
from agent.inbox import Inbox
from agent.prefixes import Prefix, Prefixes, common
from agent.protocol import Part
from agent.sampling import Logits, Tokens

BATCH = 256
"""The most tokens read at once: 512 was 2 % faster and twice the compute buffer, 64 10 % slower (SmolLM2-135M, 2
cores)."""

FIRST_BATCH, LEAST_BATCH = 128, 32
STEP = 0.5
"""Seconds of reading that a batch is made for, by the speed of the one before, within these sizes and BATCH: there is a
word of progress after each. A cancel ends one in the middle, between two matrix products."""

SURELY_SHORT = 16
"""Characters for each token of the context up to which a prompt is just tokenised."""

LONGEST_PRODUCT = 1.25e9
"""Floating-point operations in the last matrix product of a batch that is scored: a cancel can't interrupt it, and two
slow cores do some twenty billion a second."""


_SEQUENCE = 0
"""The one sequence of the KV cache."""

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)], align=True)
"""llama.cpp's llama_token_data."""

# llama.cpp's log


class Log:
    """llama.cpp's last lines, in place of its stream to standard error; errors go there too, and survive a crash."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=60)
        self._callback = llama.llama_log_callback(self._take)  # kept: llama.cpp does not own it
        llama.llama_log_set(self._callback, None)

    def _take(self, level: int, text: bytes, _: object) -> None:
        error = 4
        line = text.decode("utf-8", "replace").strip()
        if line.strip("."):  # dots are its progress bar
            self.lines.append(line)
            if level == error:
                print(line, file=sys.stderr, flush=True)


class Model:
    """A loaded model with one context. `cached` are the tokens that its KV cache holds for the prompt."""

    def __init__(self, load: protocol.Load, cancelled: Callable[[], bool], alive: Callable[[], None]) -> None:
        path, context = load.path, load.context

        def loading(_done: float, _data: object) -> bool:
            alive()
            return True

        self._alive = llama.llama_progress_callback(loading)
        self._cancelled = llama.ggml_abort_callback(lambda _data: cancelled())
        self._model = llama.llama_model_load_from_file(os.fsencode(path), self._model_parameters())
        if not self._model:
            raise Refused("model", f"llama.cpp can't load {path}")
        self._vocabulary = llama.llama_model_get_vocab(self._model)
        self.trained_context: int = llama.llama_model_n_ctx_train(self._model)
        self._context = llama.llama_init_from_model(self._model, self._context_parameters(load))
        if not self._context:
            raise Refused("memory", f"there is not enough memory for a context of {context} tokens of {path}")
        self._memory = llama.llama_get_memory(self._context)
        if not self._memory or llama.llama_model_has_encoder(self._model):
            raise Refused("model", f"{path} is not a model that writes text")
        self.context: int = min(context, self.trained_context)
        self.size: int = llama.llama_vocab_n_tokens(self._vocabulary)
        self.bos: int = llama.llama_vocab_bos(self._vocabulary)
        self.eos: int = llama.llama_vocab_eos(self._vocabulary)
        self._adds_bos = self.bos >= 0 and bool(llama.llama_vocab_get_add_bos(self._vocabulary))
        self._batch = llama.llama_batch_init(BATCH, 0, 1)
        self._step = FIRST_BATCH
        width = llama.llama_model_n_embd(self._model)
        self.scored_rows: int = max(4, min(64, int(LONGEST_PRODUCT / (2 * self.size * width))))
        self._longest_piece: int | None = None
        self.cached: list[int] = []
        self._prefixes = Prefixes(_identity(path, self.description), Path(load.keep) if load.keep else None)

    def _model_parameters(self) -> llama.llama_model_params:
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        parameters.load_mode = llama.LLAMA_LOAD_MODE_MMAP
        parameters.progress_callback = self._alive
        return parameters

    def _context_parameters(self, load: protocol.Load) -> llama.llama_context_params:
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = min(load.context, self.trained_context)
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.n_threads, parameters.n_threads_batch = load.threads, load.reading_threads
        # Off, logits are the same to the bit however a prompt is split over batches and whatever of it was cached;
        # on, they moved by up to 2.3, and it was no faster (SmolLM2-135M Q4_1: 282 and 275 tokens/s).
        parameters.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.type_k = parameters.type_v = llama.GGML_TYPE_F16
        parameters.abort_callback = self._cancelled
        return parameters

    # What the file says

    @property
    def description(self) -> str:
        buffer = ctypes.create_string_buffer(256)
        llama.llama_model_desc(self._model, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace")

    @property
    def parameters(self) -> int:
        return int(llama.llama_model_n_params(self._model))

    @property
    def template(self) -> str | None:
        found: bytes | None = llama.llama_model_chat_template(self._model, None)
        return found.decode("utf-8", "replace") if found else None

    def token_text(self, token: int) -> str:
        """How the vocabulary writes a token; "" for the -1 that says that there is none."""
        return llama.llama_vocab_get_text(self._vocabulary, token).decode("utf-8", "replace") if token >= 0 else ""

    # Tokens

    def tokens(self, prompt: Sequence[Part]) -> list[int]:
        """A prompt's tokens, as if its joined text were tokenised at once, but for special tokens' names in what a
        user wrote: these stay text, for which the parts are then tokenised one by one. Exactly one BOS where the
        model wants one, whether or not the template writes it too."""
        if any(not part.special and self._names_special(part.text) for part in prompt):
            tokens = [token for part in prompt for token in self._tokenize(part.text, special=part.special)]
        else:
            tokens = self._tokenize("".join(part.text for part in prompt), special=True)
        while self._adds_bos and tokens[:1] == [self.bos]:
            tokens.pop(0)
        return [self.bos, *tokens] if self._adds_bos else tokens

    def continuation(self, prompt: Sequence[Part], prompt_tokens: list[int], text: str) -> list[int]:
        """The tokens of `text` after the prompt: those that follow when both are tokenised as one. Where a token
        would span the border (a prompt that ends in a space), `text` is tokenised by itself."""
        together = self.tokens([*prompt, Part(text, special=False)])
        if together[: len(prompt_tokens)] == prompt_tokens:
            return together[len(prompt_tokens) :]
        return self._tokenize(text, special=False)

    def fewest_tokens(self, prompt: Sequence[Part]) -> int:
        """No more than the prompt's tokens, known without tokenising it: a megabyte takes seconds, without a cancel."""
        size = sum(len(part.text) for part in prompt)  # characters, of which a token holds no more than of bytes
        if size < SURELY_SHORT * self.context:
            return 0
        if self._longest_piece is None:
            self._longest_piece = max(len(self.piece(token)) for token in range(self.size))
        return size // max(1, self._longest_piece)

    def _names_special(self, text: str) -> bool:
        return self._tokenize(text, special=True) != self._tokenize(text, special=False)

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (llama.llama_token * room)()
            found = llama.llama_tokenize(self._vocabulary, data, len(data), tokens, room, False, special)
            if found >= 0:
                return list(tokens[:found])
            room = -found

    def piece(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        buffer = ctypes.create_string_buffer(512)
        length = llama.llama_token_to_piece(self._vocabulary, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(length, 0)]

    def ends(self, token: int) -> bool:
        """Whether a token ends generation."""
        return bool(llama.llama_vocab_is_eog(self._vocabulary, token))

    # Computing

    def reuse(self, tokens: Sequence[int]) -> int:
        """Cut the cache back to what it has in common with `tokens`, less one token, whose logits are needed; or put
        a kept beginning in its place, if that has more."""
        wanted = tokens[:-1]
        kept = self._prefixes.best(wanted, common(self.cached, wanted))
        if kept is not None:
            self._restore(kept)
        return self._cut(common(self.cached, wanted))

    def keep(self) -> None:
        """Keep what the cache holds, for every later prompt that begins with it, and for later starts."""
        if self._prefixes.holds(self.cached):
            return
        size = llama.llama_state_seq_get_size(self._context, _SEQUENCE)
        state = (ctypes.c_uint8 * size)()
        written = llama.llama_state_seq_get_data(self._context, state, size, _SEQUENCE)
        prefix = Prefix(tuple(self.cached), ctypes.string_at(state, written))
        self._prefixes.keep(prefix)
        try:
            self._prefixes.store(prefix)
        except OSError as error:  # the next start reads it anew
            print(f"the beginning of the prompt is not kept: {error}", file=sys.stderr, flush=True)

    def recall(self, tokens: Sequence[int]) -> None:
        """Have `tokens` ready for `reuse` if an earlier start kept just these."""
        if not self._prefixes.holds(tokens) and (stored := self._prefixes.stored(tokens)):
            self._prefixes.keep(stored)

    def _restore(self, prefix: Prefix) -> None:
        self.forget()
        state = (ctypes.c_uint8 * len(prefix.state)).from_buffer_copy(prefix.state)
        if llama.llama_state_seq_set_data(self._context, state, len(prefix.state), _SEQUENCE):
            self.cached = list(prefix.tokens)
        else:
            self._prefixes.forget(prefix)
            self.forget()

    def _cut(self, length: int) -> int:
        if not llama.llama_memory_seq_rm(self._memory, _SEQUENCE, length, -1):
            self.forget()  # a recurrent model's state can't be cut
        del self.cached[length:]
        return len(self.cached)

    def cut_back(self) -> None:
        """Drop from the cache what was computed beyond `cached`."""
        self._cut(len(self.cached))

    def forget(self) -> None:
        """Empty the cache."""
        llama.llama_memory_clear(self._memory, True)
        self.cached.clear()

    def read(self, tokens: Sequence[int]) -> Iterator[int]:
        """Read what the cache lacks of `tokens`, yielding how many it holds; at the end the last token's logits are
        there. Raises Cancelled."""
        while len(self.cached) < len(tokens):
            start = len(self.cached)
            end = min(start + self._step, len(tokens))
            began = time.monotonic()
            self.decode([Row(tokens[at], at, at == len(tokens) - 1) for at in range(start, end)])
            self.cached.extend(tokens[start:end])
            if end - start == self._step:
                self._step = _next_step(self._step, time.monotonic() - began)
            yield end

    def append(self, token: int) -> None:
        """Read one token more, the one that was generated. Raises Cancelled."""
        self.decode([Row(token, len(self.cached), True)])
        self.cached.append(token)

    def decode(self, rows: Sequence[Row]) -> None:
        """Compute a batch, no more than BATCH rows. Raises Cancelled, with the prompt's cache as it was before."""
        batch = self._batch
        batch.n_tokens = len(rows)
        for at, row in enumerate(rows):
            batch.token[at] = row.token
            batch.pos[at] = row.position
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = _SEQUENCE
            batch.logits[at] = row.logits
        status = llama.llama_decode(self._context, batch)
        if status == 0:
            return
        self.cut_back()
        aborted = 2
        if status == aborted:
            raise Cancelled
        self.forget()
        raise Refused("internal", f"llama.cpp failed to compute a batch of {len(rows)} tokens (status {status})")

    def logits(self, row: int = -1) -> Logits:
        """Logits of the batch's `row` (-1: the last one that wanted them); valid until the next batch."""
        pointer = llama.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self.size,))

    def use_threads(self, writing: int, reading: int) -> None:
        """Compute on these numbers of threads from now on."""
        llama.llama_set_n_threads(self._context, writing, reading)

    @property
    def threads(self) -> tuple[int, int]:
        """The threads that write, and that read."""
        return llama.llama_n_threads(self._context), llama.llama_n_threads_batch(self._context)

    def grammar(self, source: str) -> Grammar:
        """A grammar for one generation."""
        return Grammar(self._vocabulary, source)


def _next_step(step: int, seconds: float) -> int:
    """The size of the next batch, a power of two, after one of `step` tokens took `seconds`."""
    fits = max(1, int(step * STEP / max(seconds, 1e-6)))
    return max(LEAST_BATCH, min(BATCH, 1 << (fits.bit_length() - 1)))


def _identity(path: str, description: str) -> str:
    """What a kept state holds for: the file as it is, and the build of llama.cpp."""
    file = Path(path).stat()
    system = llama.llama_print_system_info().decode("utf-8", "replace")
    return f"{os.path.realpath(path)} {file.st_size} {file.st_mtime_ns} {description} {llama_cpp_version} {system}"


class Grammar:
    """A GBNF grammar at work on one generation; use as a context manager, it owns C memory."""

    def __init__(self, vocabulary: object, source: str) -> None:
        self._sampler = llama.llama_sampler_init_grammar(vocabulary, source.encode("utf-8", "replace"), b"root")
        if not self._sampler:
            raise Refused("value", "the grammar is not valid GBNF")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        llama.llama_sampler_free(self._sampler)

    def allowed(self, tokens: Tokens) -> NDArray[np.bool_]:
        """Which of `tokens` may come next."""
        candidates = np.zeros(tokens.size, dtype=_CANDIDATE)
        candidates["id"] = tokens
        array = llama.llama_token_data_array(
            data=candidates.ctypes.data_as(llama.llama_token_data_p), size=tokens.size, selected=-1, sorted=False
        )
        llama.llama_sampler_apply(self._sampler, ctypes.byref(array))
        fits: NDArray[np.bool_] = np.isfinite(candidates["logit"])
        return fits

    def accept(self, token: int) -> None:
        """Step over a token, which must be allowed: llama.cpp ends the process otherwise."""
        llama.llama_sampler_accept(self._sampler, token)


# Quantising


def quantise(source: str, target: str, form: str, importance: str = "") -> int:
    """Write the GGUF `source` as `form` to `target`; `importance` is an .npz file with, for each weight's name, the
    mean square of what each of its columns is multiplied with. Returns the exit status; the reason is in the log."""
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{form.upper()}")
    parameters.nthread = int(os.environ.get("OMP_NUM_THREADS", "0"))
    weights: dict[str, NDArray[np.float32]] = {}
    if importance:
        with np.load(importance, allow_pickle=False) as stored:
            weights = {name: np.ascontiguousarray(stored[name], dtype=np.float32) for name in stored.files}
    rows = (llama.llama_model_imatrix_data * (len(weights) + 1))()  # the last one, without a name, ends it
    for row, (name, values) in zip(rows, weights.items(), strict=False):
        row.name, row.size = name.encode(), values.size
        row.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    if weights:
        parameters.imatrix = ctypes.cast(rows, ctypes.POINTER(llama.llama_model_imatrix_data))
    return int(llama.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(parameters)))


# The process


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """The protocol's two pipes, moved to where no C library prints or reads: its standard output is standard error."""
    requests, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def main() -> None:
    """Answer requests until standard input ends; or, called with --quantise, do that alone."""
    if sys.argv[1:2] == ["--quantise"]:
        log = Log()
        llama.llama_backend_init()
        sys.exit(quantise(*sys.argv[2:]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches the whole group; the parent decides
    requests, answers = _own_streams()
    log = Log()
    llama.llama_backend_init()
    inbox = Inbox(requests)

    def send(message: protocol.Message) -> None:
        answers.write(protocol.encode(message))
        answers.flush()

    desk = Desk(Model, send, inbox.cancelled)
    for request in inbox:
        log.lines.clear()
        desk.answer(request, log.lines)


if __name__ == "__main__":
    main()
