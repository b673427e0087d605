"""Facts in SQL. Besides bootstrap, the only importer of SQLAlchemy."""
