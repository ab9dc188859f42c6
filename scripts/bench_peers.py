"""The peers of `make bench`, each run as a process of its own: `python -m scripts.bench_peers pyhanko|raw|copy …` prints nothing or seconds.

pyhanko CONF LABEL KEY CERT.pem OUT_DIR PDF…   stock pyHanko: one PKCS#11 session, async_sign_pdf in one loop, file to file (PIN in YX_PIN)
raw     CONF LABEL KEY COUNT                   the bare module: C_Sign of a 32-byte digest, COUNT times; prints the seconds of the loop
copy    SOURCE TARGET                          copy a file, its SHA-256 in the same pass, fsync of file and folder
"""

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def stock_pyhanko(label: str, key: str, certificate: str, out_dir: str, *inputs: str) -> None:
    """Sign `inputs` one after another as pyHanko's documentation shows it."""
    from pyhanko.config.pkcs11 import TokenCriteria
    from pyhanko.keys import load_cert_from_pemder
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

    session = open_pkcs11_session(_MODULE, token_criteria=TokenCriteria(label=label), user_pin=os.environ["YX_PIN"])
    cert = load_cert_from_pemder(certificate)  # type: ignore[no-untyped-call]
    signer = PKCS11Signer(session, signing_cert=cert, key_label=key, other_certs_to_pull=(), use_raw_mechanism=cert.public_key.algorithm == "ec")
    meta = signers.PdfSignatureMetadata(field_name="Signature1", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)

    async def every() -> None:
        for source in inputs:
            with open(source, "rb") as file, open(os.path.join(out_dir, os.path.basename(source)), "wb") as target:
                await signers.PdfSigner(meta, signer).async_sign_pdf(IncrementalPdfFileWriter(file), output=target)

    asyncio.run(every())


def raw_module(label: str, key: str, count: str) -> None:
    """Sign `count` digests with nothing around the module but its binding."""
    import pkcs11
    from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

    token = pkcs11.lib(_MODULE).get_token(token_label=label)
    with token.open(user_pin=os.environ["YX_PIN"]) as session:
        private: Any = next(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: key}))
        digest = hashlib.sha256(b"").digest()
        rsa = private.key_type is KeyType.RSA
        data = bytes.fromhex("3031300d060960864801650304020105000420") + digest if rsa else digest  # DigestInfo of SHA-256, RFC 8017 section 9.2
        mechanism = Mechanism.RSA_PKCS if rsa else Mechanism.ECDSA
        begin = time.perf_counter()
        for _ in range(int(count)):
            private.sign(data, mechanism=mechanism)
        print(time.perf_counter() - begin)


def copy_floor(source: str, target: str) -> None:
    """What nobody who publishes a checked copy can avoid."""
    digest = hashlib.sha256()
    with open(source, "rb", buffering=0) as file, open(target, "xb", buffering=0) as copy:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            copy.write(chunk)
        os.fsync(copy.fileno())
    folder = os.open(os.path.dirname(target), os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


_MODULE = next(
    (str(path) for path in (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/softhsm/libsofthsm2.so")) if path.exists()), "libsofthsm2.so"
)

if __name__ == "__main__":
    which, *words = sys.argv[1:]
    if which == "copy":
        copy_floor(*words)
    else:
        os.environ["SOFTHSM2_CONF"] = words.pop(0)  # before the module is loaded
        peers: dict[str, Callable[..., None]] = {"pyhanko": stock_pyhanko, "raw": raw_module}
        peers[which](*words)
