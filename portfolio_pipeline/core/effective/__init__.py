"""What is in force: every value of settings and cards with where it comes from (`values`), and what is odd about them
though it is allowed (`oddities`). What a key means stands beside what it steers.
"""
