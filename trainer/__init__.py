"""Library in, training data out: one module a stage, each a command that writes a folder with its manifest.

Knows the library (`index`) and question banks (`agent`), no Qt and no product. The way of the data, going only forward:
library -> `Document` (corpus). Torch is imported inside the stages that train, never at import time.
"""
