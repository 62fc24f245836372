"""When capital is shared out anew and whether that is worth it, what people say by hand, and what is written of it."""
