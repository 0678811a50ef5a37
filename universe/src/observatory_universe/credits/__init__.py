"""Credits & Payments: money of users, publishers and the platform."""
