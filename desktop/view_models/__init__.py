"""What the pages decide, without a widget in sight: states, sentences to show, and the arithmetic behind them."""
