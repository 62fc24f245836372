"""What people order, keep, close and approve by hand: rows in, the same pure answer for planner, gate and books."""
