"""Pictures as files and arrays: read and written, laid out, compared, looked at."""
