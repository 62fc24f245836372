"""What happens by itself: the daily schedule, and the sensors that tell of failures."""
