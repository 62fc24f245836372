"""The strategies: a card in a folder of its own for each that comes with the package, and the cards of the home."""
