"""What is shown of CALM: read models for the pages, REST and the command line."""
