"""The application: window, view models, workers and the command line. The only package that imports Qt."""
