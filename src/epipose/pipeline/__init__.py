"""Pipeline stages on clip folders."""
