"""The command line's verbs, one module each; `desktop.cli` puts them together."""
