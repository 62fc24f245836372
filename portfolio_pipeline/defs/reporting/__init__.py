"""What came of it: metrics, marts, back-tests on request."""
