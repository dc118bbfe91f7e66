"""What can be wrong with the file of a capture, said in one line."""


class CaptureError(RuntimeError):
    """The file cannot be written, or is none that can be read: which file, what was found, what is needed."""


def one_line(error: BaseException) -> str:
    """What an error of HDF5 says, in one line."""
    return " ".join(str(error).split())[:300]
