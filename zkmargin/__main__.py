"""``python -m zkmargin`` is the command line."""

from zkmargin.cli import main

if __name__ == "__main__":
    main()
