"""System Health & Monitoring: the platform's own watch and emergency brake."""
