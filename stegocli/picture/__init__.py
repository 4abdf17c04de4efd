"""Pictures as people have them: files and arrays, metrics, what people look at. Imports only `errors`."""
