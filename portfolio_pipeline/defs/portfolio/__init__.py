"""The one book that is aimed at: shares of capital, netted targets, their risk."""
