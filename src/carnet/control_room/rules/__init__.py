"""What is decided: pure functions of the state, a command and a moment. They change nothing themselves."""
