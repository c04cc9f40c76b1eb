"""The three pages: ask, library, exam. A page joins widgets to view models and to the lanes of work."""
