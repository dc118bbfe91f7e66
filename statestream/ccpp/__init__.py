"""The C parts: each `<name>.c` is built as the extension `_<name>`; the `.pyi` beside it says what it offers."""
