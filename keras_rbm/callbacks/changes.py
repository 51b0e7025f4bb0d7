"""What has changed between two runs."""


def changes(saved, settings):
    """What differs, as text such as "batch_size was 6 and is 7".

    Args:
        saved: Nested dictionaries and lists, as they were.
        settings: The same, as they are.

    Returns:
        Text, empty if nothing differs.
    """
    saved, settings = _flat(saved), _flat(settings)
    return "; ".join(
        f"{name} was {_told(saved, name)} and is {_told(settings, name)}"
        for name in sorted(saved.keys() | settings.keys())
        if saved.get(name) != settings.get(name)
    )


def _flat(tree, prefix=""):
    """`{"a.b": value}` of nested dictionaries and lists."""
    if not isinstance(tree, dict | list | tuple):
        return {prefix: tree}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    flat = {}
    for name, value in items:
        flat |= _flat(value, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _told(flat, name):
    return repr(flat[name]) if name in flat else "not set"
