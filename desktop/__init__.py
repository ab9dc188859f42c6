"""The window, the prompter and the page renderer: no PKCS#11 and no cryptography on this floor."""
