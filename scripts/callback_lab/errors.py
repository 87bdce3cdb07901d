"""What a lab cannot begin with; its message says what to do."""


class LabError(Exception):
    """The lab could not begin, or not go on: no verdict on the contract."""
