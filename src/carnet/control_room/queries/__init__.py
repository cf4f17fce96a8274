"""What is answered to questions: pure views of the state at a moment."""
