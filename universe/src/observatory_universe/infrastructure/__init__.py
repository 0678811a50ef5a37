"""Infrastructure & Core: what every other group stands on."""
