"""The strategy types, one module each: a rule that makes raw weights of features."""
