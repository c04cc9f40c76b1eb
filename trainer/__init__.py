"""Library in, training data and tuned GGUF out: one module a stage, each with its manifest."""
