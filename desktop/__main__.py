"""`python -m desktop` is `tebiki`."""

from desktop.cli import main

if __name__ == "__main__":
    main()
