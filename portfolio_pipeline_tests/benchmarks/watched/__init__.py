"""Twenty sessions of PAPER under `portfolio up`: its daemon, schedule and sensors do everything, and are watched."""
