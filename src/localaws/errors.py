"""What keeps a local cloud from starting, in words for its user."""


class LocalCloudError(Exception):
    """Base of the errors that the command line shows without a stack trace."""


class PortInUseError(LocalCloudError):
    """Another program listens on the port. Retry with another port, or when that program has ended."""


class ServerDiedError(LocalCloudError):
    """The server ended before it was ready; its log says why. Do not retry."""


class LogError(LocalCloudError):
    """A log isn't its user's own file. Do not retry."""


class StackCreationError(LocalCloudError):
    """The stack couldn't be created. Do not retry."""


class TemplateError(LocalCloudError):
    """The template, or a parameter given with it, is not valid. Do not retry."""


class ParameterError(TemplateError):
    """The template has no such parameter, not with this value, or not together with others. Do not retry."""


class UnknownPropertyError(TemplateError):
    """The template says something that the local cloud wouldn't do. Do not retry."""


class UnknownScheduleError(LocalCloudError):
    """A rule has a schedule that the local cloud can't keep. Do not retry."""


class ModelUnavailableError(LocalCloudError):
    """There is no such model, or it doesn't start. Do not retry."""


class UnknownModelError(ModelUnavailableError):
    """What is given names no model. Do not retry: name another."""
