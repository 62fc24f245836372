"""The strategy types, one module each: a rule that makes raw weights of features. By name they are found in `registry`.

Not here: how weights are sized, phased in and followed on paper, which is the same for all types.
"""
