"""The README that lies beside an exported ledger: how to check it, with our program and without."""

from typing import Final

README: Final = """\
印信台账导出 / Exported ledger of Yinxin
========================================

{name}
org  {org}
size {size}
root {root}

一、用印信核验（离线，不需要数据库）/ With Yinxin, offline and without the database
----------------------------------------------------------------------------------
    yinxin ledger verify --file {quoted}

它逐条验签名、顺序和根哈希，并指出是哪一条被改动。与以前保存的封账点对照：
It checks every signature, the order and the root hash, and names the entry that was altered.  Against a checkpoint kept from before:

    yinxin ledger verify --file {quoted} --checkpoint CHECKPOINT

二、不用印信，只用 openssl 核验一条 / Without Yinxin: one entry with openssl alone
----------------------------------------------------------------------------------
每条凭证在它那一行里原样保存（`"statement":` 之后到最后一个 `}}` 之前），签名是分离的 CAdES。取第 N 条（从 0 数起）：
Each statement stands in its line byte for byte (after `"statement":`, before the last `}}`); its signature is a detached CAdES.
Entry N, counted from 0:

    N=0
    line() {{ sed -n "$((N + 2))p" {quoted}; }}
    line | sed 's/^{{"seq":[0-9]*,"signature":"[^"]*","statement"://; s/}}$//' | tr -d '\\n' > statement.json
    line | sed 's/^{{"seq":[0-9]*,"signature":"\\([^"]*\\)".*$/\\1/' | openssl base64 -d -A > statement.p7s
    openssl pkcs7 -inform DER -in statement.p7s -print_certs -out signer.pem
    openssl cms -verify -cades -binary -inform DER -in statement.p7s -content statement.json \\
        -purpose any -CAfile signer.pem -partial_chain -out /dev/null

`signer.pem` 是签名人的证书。/ `signer.pem` is the signer's certificate.
本机（电脑）的证书是自签的，它属于谁由台账里的建账凭证和授权凭证说明。
A workstation's certificate is signed by itself: whose it is stands in the statements that found the ledger and authorise it.

三、根哈希 / The root hash
--------------------------
RFC 9162：叶子是 SHA-256(0x00 ‖ 凭证)，节点是 SHA-256(0x01 ‖ 左 ‖ 右)。末行是封账点（C2SP tlog-checkpoint，ECDSA P-256 签名）。
RFC 9162: a leaf is SHA-256(0x00 || statement), a node SHA-256(0x01 || left || right).  The last line is the checkpoint
(C2SP tlog-checkpoint, signed with ECDSA).  The leaf of the entry above:

    (printf '\\000'; cat statement.json) | sha256sum
"""


def readme(name: str, quoted: str, org: str | None, size: int, root: str) -> str:
    """The text for an export; `quoted` is the file's name as a shell takes it."""
    return README.format(name=name, quoted=quoted, org=org or "–", size=size, root=root)
