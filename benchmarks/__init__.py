"""Speed and quality, measured beside peers; run each as `python -m benchmarks.NAME`."""
