"""Findings about what carries a signature: containers (ASiC), manifests, content types, counter-signatures."""

from collections.abc import Mapping

from agent.verification.findings_row import FAILED, LOOK, RESEND, RESIGN, UNSURE, Row, row

FORMATS: Mapping[str, Row] = {
    "content_type_wrong": row(
        UNSURE,
        "FORMAT_FAILURE",
        "签名签的不是普通文件，而是另一种数据（{name}）",
        "what is signed is not a file but data of another kind ({name})",
        "请用支持这种数据的软件验签",
        "a program that knows that kind of data has to check it",
    ),
    "line_ends": row(
        UNSURE,
        "FORMAT_FAILURE",
        "签名签的是换行符不同的同一文本，文件的换行符在签署后被转换过，或签署时用了文本方式",
        "the signature is over the same text with other line ends: they were converted since, or it was signed as text",
        "需要换行符未经转换的原文件",
        "the original with its line ends is needed",
    ),
    # containers
    "container_ambiguous": row(
        FAILED,
        "FORMAT_FAILURE",
        "容器的结构有歧义（{detail}），不同软件可能显示不同内容",
        "the container can be read in several ways ({detail}); other programs may show other content",
        *RESEND,
    ),
    "container_irregular": row(
        UNSURE, "FORMAT_FAILURE", "容器的结构不合规（{detail}）", "the container breaks the rules of its format ({detail})", *RESEND
    ),
    "container_entry_damaged": row(
        UNSURE,
        "FORMAT_FAILURE",
        "容器里的“{name}”已损坏，读不出来（{detail}）",
        "“{name}” in the container is damaged and cannot be read ({detail})",
        *RESEND,
    ),
    "container_file_changed": row(
        FAILED, "HASH_FAILURE", "容器里的“{name}”在签署后被改动过", "“{name}” in the container was altered after signing", *RESEND
    ),
    "container_file_missing": row(
        UNSURE,
        "SIGNED_DATA_NOT_FOUND",
        "容器里缺少被签署的“{name}”",
        "“{name}”, which was signed, is missing from the container",
        *RESEND,
    ),
    "container_not_covered": row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "容器里的“{name}”没有被签署，不要当作已签署的内容",
        "“{name}” in the container is not signed: do not take it for signed content",
        *LOOK,
    ),
    "container_part": row(
        None,
        None,
        "这个签名不覆盖容器里的“{name}”，它由别的签名覆盖",
        "this signature does not cover “{name}” in the container; another one does",
    ),
    "container_unprotected": row(
        None,
        None,
        "容器自身的日期、属性和注释不受签名保护",
        "the container's own dates, attributes and comments are not protected",
    ),
    "xml_unprotected": row(
        None,
        None,
        "签名文件里，签名所覆盖的部分以外的 XML（书写方式、编号、附带资料）不受签名保护",
        "in the signature file, XML beside what the signature is over (its spelling, numbers, material brought along) is not protected",
    ),
    "container_name": row(
        None,
        None,
        "受保护的是内容，容器里的文件名“{name}”不受签名保护",
        "the content is protected, its name in the container (“{name}”) is not",
    ),
    "container_extra": row(
        None,
        None,
        "容器里的“{name}”是附加信息，不受签名保护",
        "“{name}” in the container is additional information and not protected",
    ),
    "container_signature_missing": row(
        UNSURE,
        "SIG_CONSTRAINTS_FAILURE",
        "清单“{name}”所属的签名不在容器里，可能被移除",
        "the signature that belongs to the manifest “{name}” is not in the container; it may have been removed",
        *RESEND,
    ),
    "container_signature_stray": row(
        UNSURE,
        "SIGNED_DATA_NOT_FOUND",
        "没有清单说明这个签名签的是哪些文件",
        "no manifest says which files this signature is over",
        *RESIGN,
    ),
    "manifest_damaged": row(
        UNSURE,
        "FORMAT_FAILURE",
        "签名清单“{name}”不合规（{detail}）",
        "the manifest “{name}” breaks the rules of its format ({detail})",
        *RESEND,
    ),
}
