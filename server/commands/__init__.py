"""The commands of the server, a module a domain, each thin over the domain's service."""
