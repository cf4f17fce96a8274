"""Where the ledger lies. One port (`engine.store.Store`), one implementation a database."""
