"""The REST interface, one module a resource. Handlers read, ask and answer; actors decide."""
