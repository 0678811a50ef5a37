"""AI & Intelligence Systems: models, chat and what they remember."""
