"""One training in one folder: configured, run, resumed, evaluated, published."""
