"""Vault and OpenBao: the only importer of hvac; fulfils the CA half of `trustwright.ports`."""
