"""Why a backup cannot be made or used."""


class BackupFailed(Exception):
    """One sentence, without its full stop."""


class BackupRefused(BackupFailed):
    """It would do what nobody can have meant; nothing was changed."""


class BackupDamaged(BackupFailed):
    """A file of a backup is missing, or is not what was written; nothing was changed."""
