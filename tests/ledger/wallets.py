"""The ledger as a venue whose accounts keep their secrets in wallets on the disk."""

import tempfile
from pathlib import Path

from zkmargin.client.seed import Seed
from zkmargin.client.wallet import Wallet
from zkmargin.testing.ledger import LedgerVenue

PASSPHRASE = "correct horse battery"


class WalletHolder:
    """An account's secrets in a wallet."""

    def __init__(self, path, venue, account):
        self.wallet = Wallet.create(path, venue, account, PASSPHRASE, log2_n=14)

    @property
    def public_key(self):
        return self.wallet.public_key

    def opening(self):
        return self.wallet.opening()

    def prepare(self, entry, quantities):
        made = self.wallet.prepare(entry, quantities)
        return made.opening, made.memo

    def accept(self, entry, change):
        return self.wallet.accept(entry, change).memo

    def sign(self, entry):
        return self.wallet.sign(entry)

    def follow(self, entry, state, after):
        self.wallet.follow([entry], state)
        assert self.wallet.opening() == after


class WalletVenue(LedgerVenue):
    """Close it with `restore_all`."""

    def __init__(self, *arguments):
        self.folder = tempfile.TemporaryDirectory()
        super().__init__(*arguments)

    def holder(self, account):
        return WalletHolder(Path(self.folder.name) / account, self.state.rules.venue, account)

    def restore_all(self):
        """Lose every wallet but its seed, and compare what comes back from the log."""
        for account, holder in self._holders.items():
            lost = holder.wallet
            lost.close()
            path = Path(self.folder.name) / f"{account}-again"
            arguments = (lost.venue, account, PASSPHRASE, Seed.from_backup(lost.backup()))
            with Wallet.restore(path, *arguments, self.log, self.state, log2_n=14) as again:
                assert again.opening() == lost.opening()
                assert again.sequence == lost.sequence == self.sequence(account)
        self.folder.cleanup()
