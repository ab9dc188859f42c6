"""This computer's own key: what the agent says without a person's token, it says with it."""
