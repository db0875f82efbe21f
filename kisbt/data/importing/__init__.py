"""CSV files as people have them, turned into a dataset or into findings."""

from kisbt.data.importing.importer import ImportReport, check_files, import_files

__all__ = ["ImportReport", "check_files", "import_files"]
