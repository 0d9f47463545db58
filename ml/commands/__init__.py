"""The subcommands of ``python -m ml``: each module has ``configure(parser)`` and ``run(args) -> int``."""
