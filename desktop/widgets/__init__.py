"""The window's own controls. They show what they are given and say what was done to them; pages decide."""
