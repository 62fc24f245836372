"""Where work in parts is done, behind the port `ports.Compute`."""
