"""The child processes that load a PKCS#11 module.  Nothing outside this folder imports `pkcs11` or calls a module."""
