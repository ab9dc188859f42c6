"""Every finding a check can make: what it does to the verdict, the sub-indication of EN 319 102-1, and its words.

`what` says what was seen; `need` says what would have to be different.  {names} are the finding's facts.
A row without a verdict is a remark: it is said, and hinders nothing.
"""

from collections.abc import Mapping

from agent.verification.findings_formats import FORMATS
from agent.verification.findings_row import FAILED, UNSURE, Row
from agent.verification.findings_row import LOOK as _LOOK
from agent.verification.findings_row import RESEND as _RESEND
from agent.verification.findings_row import RESIGN as _RESIGN
from agent.verification.findings_row import row as _row
from agent.verification.findings_trust import TRUST

__all__ = ("DOCUMENT", "TABLE", "Row")

TABLE: Mapping[str, Row] = {
    # the bytes
    "digest_mismatch": _row(FAILED, "HASH_FAILURE", "签署后文件内容被改动过", "the content was altered after signing", *_RESEND),
    "signature_invalid": _row(
        FAILED, "SIG_CRYPTO_FAILURE", "签名值与签名人的证书不符", "the signature value does not fit the signer's certificate", *_RESEND
    ),
    "byte_range_wrong": _row(
        FAILED,
        "FORMAT_FAILURE",
        "签名声明的保护范围不合规（{detail}），可能被人做过手脚",
        "the range the signature claims to protect is irregular ({detail})",
        *_RESEND,
    ),
    "coverage_partial": _row(
        FAILED, "FORMAT_FAILURE", "签名没有覆盖它所在的整个版本", "the signature does not cover the whole revision it belongs to", *_RESEND
    ),
    "tail_after_eof": _row(
        FAILED,
        "FORMAT_FAILURE",
        "文件末尾在签署后被追加了 {bytes} 字节，不同软件可能显示不同内容",
        "{bytes} bytes were appended after the end of the file; other programs may show other content",
        *_RESEND,
    ),
    "tail_unreadable": _row(
        UNSURE,
        "FORMAT_FAILURE",
        "已签署的版本之后还有 {bytes} 字节（其中另有签名），结构损坏读不出来，不同软件可能显示不同内容",
        "{bytes} bytes with a signature of their own follow the signed version and cannot be read; other programs may show other content",
        *_RESEND,
    ),
    "last_revision_unclear": _row(
        FAILED,
        "FORMAT_FAILURE",
        "文件最后一个版本的索引与文件末尾不一致，不同软件可能显示不同内容",
        "the index at the end of the file is not that of its last revision; other programs may show other content",
        *_RESEND,
    ),
    "structure_ambiguous": _row(
        UNSURE,
        "FORMAT_FAILURE",
        "文件的索引对同一个对象有两种说法（{detail}），不同软件可能显示不同内容",
        "the index of the file says two things of one object ({detail}); other programs may show other content",
        *_RESEND,
    ),
    "contents_missing": _row(
        FAILED,
        "FORMAT_FAILURE",
        "签名域里没有签名数据（{detail}），签名可能被抹掉",
        "the signature field holds no signature data ({detail})",
        *_RESEND,
    ),
    "contents_padding": _row(
        UNSURE,
        "FORMAT_FAILURE",
        "签名数据的写法异常（{detail}），这部分不受签名保护",
        "the signature data is written irregularly ({detail}); that part is not protected",
        *_RESEND,
    ),
    "cms_damaged": _row(
        UNSURE, "FORMAT_FAILURE", "签名数据已损坏，读不出来（{detail}）", "the signature data is damaged and cannot be read ({detail})", *_RESEND
    ),
    "cms_structure": _row(
        UNSURE, "FORMAT_FAILURE", "签名数据的结构不合规（{detail}）", "the signature data breaks the rules of its format ({detail})", *_RESEND
    ),
    "signers_many": _row(
        UNSURE,
        "FORMAT_FAILURE",
        "一个 PDF 签名里有 {count} 个签名人，应当只有一个",
        "one PDF signature names {count} signers, where there must be one",
        *_RESIGN,
    ),
    "content_inside": _row(
        FAILED, "FORMAT_FAILURE", "签名自带了另一份内容，与文件不符", "the signature carries a content of its own that is not the file", *_RESEND
    ),
    "attributes_missing": _row(
        UNSURE, "SIG_CONSTRAINTS_FAILURE", "签名缺少受保护的属性（签名人、内容指纹）", "the signature has no signed attributes", *_RESIGN
    ),
    "attributes_repeated": _row(FAILED, "FORMAT_FAILURE", "签名里的“{name}”出现了多个值", "the signature gives several values for {name}", *_RESIGN),
    "attributes_as_content": _row(
        FAILED,
        "FORMAT_FAILURE",
        "文件内容本身是一组签名属性，签名可能被移花接木",
        "the content is itself a set of signed attributes: the signature may have been transplanted",
        *_RESIGN,
    ),
    "unsigned_part": _row(
        None, None, "签名数据里有不受保护也未用到的部分（{detail}）", "the signature data has a part that is neither protected nor used ({detail})"
    ),
    # algorithms
    "algorithm_weak": _row(
        UNSURE,
        "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
        "使用了已不安全的算法（{name}，{where}：{why}）",
        "it relies on an algorithm that is no longer safe ({name}, {where}: {why})",
        *_RESIGN,
    ),
    "algorithm_broken": _row(
        FAILED,
        "CRYPTO_CONSTRAINTS_FAILURE",
        "使用了已被攻破的算法（{name}，{where}：{why}）",
        "it relies on an algorithm that is broken ({name}, {where}: {why})",
        *_RESIGN,
    ),
    "algorithm_unknown": _row(
        UNSURE,
        "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
        "本软件不支持算法 {name}（{where}）",
        "this program does not support the algorithm {name} ({where})",
        "请用支持该算法的软件验签",
        "a program that supports it has to check this file",
    ),
    # the signer's certificate
    "signer_missing": _row(
        UNSURE,
        "NO_SIGNING_CERTIFICATE_FOUND",
        "签名里没有签名人的数字证书",
        "the signer's certificate is not in the signature",
        "需要补充签名人的证书",
        "the signer's certificate is needed",
    ),
    "ess_missing": _row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "签名没有写明用的是哪张证书，无法排除证书被替换",
        "the signature does not name its certificate, so an exchanged certificate cannot be ruled out",
        *_RESIGN,
    ),
    "ess_mismatch": _row(
        FAILED,
        "SIG_CONSTRAINTS_FAILURE",
        "附带的证书不是签名时所用的那一张，证书可能被替换",
        "the certificate is not the one the signature names: it may have been exchanged",
        *_RESEND,
    ),
    "key_usage_missing": _row(
        UNSURE,
        "CHAIN_CONSTRAINTS_FAILURE",
        "签名人的证书没有写明密钥用途",
        "the signer's certificate does not state what its key may be used for",
        "需要一张写明可用于签名的证书",
        "a certificate that allows signing is needed",
    ),
    "key_usage_wrong": _row(
        FAILED,
        "CHAIN_CONSTRAINTS_FAILURE",
        "签名人的证书不允许用于签名（密钥用途：{usage}）",
        "the signer's certificate does not allow signing (key usage: {usage})",
        *_RESIGN,
    ),
    "purpose_wrong": _row(
        FAILED,
        "CHAIN_CONSTRAINTS_FAILURE",
        "签名人的证书只用于其他用途（{usage}），不能签署文件",
        "the signer's certificate is for other purposes only ({usage})",
        *_RESIGN,
    ),
    "purpose_unknown": _row(
        UNSURE,
        "CHAIN_CONSTRAINTS_FAILURE",
        "签名人证书的用途（{usage}）不包括签署文件",
        "the purposes of the signer's certificate ({usage}) do not include signing documents",
        *_RESIGN,
    ),
    "ca_signer": _row(
        FAILED,
        "CHAIN_CONSTRAINTS_FAILURE",
        "签名用的是发证机构的证书，不是个人或单位的签名证书",
        "the signer's certificate is that of a CA",
        *_RESIGN,
    ),
    **TRUST,
    **FORMATS,
    # changes after signing
    "removed": _row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "文件曾有一个签名，在第 {revision} 版之后被移除",
        "the file once had a signature; it was removed after revision {revision}",
        *_LOOK,
    ),
    "changed_forbidden": _row(
        FAILED,
        "FORMAT_FAILURE",
        "签署后文件被改动，而签名人锁定了文件、不允许这类改动",
        "the file was changed after signing in a way the signer had forbidden",
        *_RESEND,
    ),
    "changed_visible": _row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "签署后文件的显示内容被改动过（{where}）",
        "what the file shows was changed after signing ({where})",
        *_LOOK,
    ),
    "changed_hidden": _row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "签署后文件被改动过，显示内容看上去没有变化",
        "the file was changed after signing, though it looks the same",
        *_LOOK,
    ),
    "changed_values": _row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "签署后表单栏里的内容被改动过（{name}），有的软件会显示改动后的内容",
        "form fields were filled in or altered after signing ({name}); some programs show what they say now",
        *_LOOK,
    ),
    "covered_by_later": _row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "后来的签名“{field}”的图样盖住了已签署的内容（{where}）",
        "the appearance of a later signature “{field}” covers signed content ({where})",
        *_LOOK,
    ),
    "later_not_passed": _row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "后来的签名“{field}”改变了显示内容，而它自身没有通过",
        "a later signature “{field}” changed what is shown and did not pass itself",
        "需要那个签名先通过",
        "that signature has to pass first",
    ),
    "pages_not_drawn": _row(
        None,
        None,
        "有 {count} 页因时间不够没有画出来比较；它们所用的对象在签署后都没有被替换",
        "{count} pages were not drawn for comparison, for want of time; no object they are drawn from was replaced after signing",
    ),
    "not_compared": _row(
        UNSURE,
        "GENERIC",
        "无法比较签署时与现在的显示内容（{detail}）",
        "the signed version could not be compared with the present one ({detail})",
        *_LOOK,
    ),
    # could not be checked
    "kind_unknown": _row(
        UNSURE,
        "GENERIC",
        "不认识这种签名（{name}）",
        "this kind of signature is not known ({name})",
        "请用支持它的软件验签",
        "a program that knows it has to check this file",
    ),
    "kind_missing": _row(
        UNSURE,
        "FORMAT_FAILURE",
        "签名没有写明自己的种类（/SubFilter），可能被抹掉",
        "the signature does not say of which kind it is (/SubFilter); that may have been wiped out",
        *_RESEND,
    ),
    "not_checked": _row(
        UNSURE, "GENERIC", "检查没有完成（{detail}）", "it could not be checked ({detail})", "请重试，或换一份文件", "try again, or with another copy"
    ),
}

DOCUMENT: Mapping[str, Row] = {
    "NO_SIGNATURE": _row(
        UNSURE, "NO_SIGNATURE", "文件里没有签名", "there is no signature in this file", "需要一份已签署的文件", "a signed file is needed"
    ),
    "ENCRYPTED": _row(
        UNSURE,
        "GENERIC",
        "文件有打开密码，无法检查",
        "the file is locked with a password",
        "需要没有打开密码的文件",
        "a copy without password is needed",
    ),
    "UNREADABLE": _row(UNSURE, "FORMAT_FAILURE", "文件结构损坏，读不出来（{detail}）", "the structure of the file is damaged ({detail})", *_RESEND),
    "UNREADABLE_SIGNED": _row(
        UNSURE,
        "FORMAT_FAILURE",
        "文件带有签名痕迹，但结构损坏或在签署后被改动过，读不出来",
        "the file shows traces of a signature, but it was damaged or altered afterwards and cannot be read",
        *_RESEND,
    ),
    "NOT_FOUND": _row(UNSURE, "GENERIC", "找不到文件", "the file was not found", "请检查文件路径", "check the path"),
    "CONTENT_NOT_FOUND": _row(
        UNSURE,
        "SIGNED_DATA_NOT_FOUND",
        "找不到被签署的原文件（{name}）",
        "the signed file ({name}) was not found",
        "请把原文件与签名文件放在同一文件夹",
        "put it beside the signature file",
    ),
    "NOT_A_FILE": _row(
        UNSURE,
        "GENERIC",
        "文件读不出来（{detail}）",
        "the file cannot be read ({detail})",
        "请检查文件和读取权限",
        "check the file and its permissions",
    ),
    "FOLDER_UNREADABLE": _row(
        UNSURE,
        "GENERIC",
        "文件夹打不开（{detail}），里面的文件没有检查",
        "the folder cannot be opened ({detail}); what is in it was not checked",
        "请检查读取权限",
        "check its permissions",
    ),
    "CHANGED": _row(UNSURE, "GENERIC", "检查期间文件被改动", "the file was altered while it was being checked", "请重新验签", "verify it again"),
    "CONTAINER_TOO_LARGE": _row(
        UNSURE,
        "GENERIC",
        "容器解开后过大（{detail}），没有检查",
        "the container is too large when unpacked ({detail}) and was not checked",
        "请向发件人核实，或用其他方式取得文件",
        "ask the sender, or get the files in another way",
    ),
    "CHECK_FAILED": _row(
        UNSURE, "GENERIC", "检查没有完成（{detail}）", "it could not be checked ({detail})", "请重试，或换一份文件", "try again, or with another copy"
    ),
}
