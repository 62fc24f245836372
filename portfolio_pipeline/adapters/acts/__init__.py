"""What people and sensors do beside the chain, for the command and the web UI alike: checked, and written down.

One module for each kind of act. What a row then means to planner, gate and books is said in the core.
"""
