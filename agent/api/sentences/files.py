"""Sentences about input and output files."""

from collections.abc import Mapping

from agent.api.sentences.form import Sentence

FILES: Mapping[str, Sentence] = {
    "input_unusable": Sentence(
        "文件不能使用[：{name}]。", "请检查该文件；它没有被改动。", "The file cannot be used[: {name}].", "Look at the file; it was not changed."
    ),
    "input_unusable.not_found": Sentence(
        "找不到文件[：{name}]。", "请核对文件名和所在文件夹。", "There is no such file[: {name}].", "Check its name and folder."
    ),
    "input_unusable.unreadable": Sentence(
        "读不了文件[：{name}]。",
        "请检查读取权限，或文件是否在可用的磁盘上。",
        "The file cannot be read[: {name}].",
        "Check that you may read it and that its disk is there.",
    ),
    "input_unusable.not_a_file": Sentence(
        "这不是普通文件[：{name}]。",
        "请给出文件，而不是文件夹或设备。",
        "This is no regular file[: {name}].",
        "Name a file, not a folder or a device.",
    ),
    "input_unusable.empty": Sentence(
        "文件是空的（0 字节）[：{name}]。", "请重新导出或复制该文件。", "The file is empty (0 bytes)[: {name}].", "Export or copy it again."
    ),
    "input_unusable.not_pdf": Sentence(
        "这不是 PDF 文件[：{name}]。",
        "其他类型的文件请用 --format cades 另存签名（.p7s）。",
        "This is no PDF file[: {name}].",
        "For other kinds of files use --format cades: the signature is a separate .p7s.",
    ),
    "input_unusable.encrypted": Sentence(
        "PDF 有密码保护，不能签署[：{name}]。",
        "请先去掉密码另存一份，再签署。",
        "The PDF is encrypted and cannot be signed[: {name}].",
        "Save a copy without the password and sign that.",
    ),
    "input_unusable.damaged": Sentence(
        "PDF 已损坏，无法读取[：{name}]。",
        "请从原软件重新导出[{?repairable}，或加 --repair 先修复副本再签]。",
        "The PDF is damaged and cannot be read[: {name}].",
        "Export it again[{?repairable}, or add --repair: it mends a copy and signs that].",
    ),
    "input_unusable.certified": Sentence(
        "PDF 已被认证为不许再改，不能再签[：{name}]。",
        "请用没有锁定的版本，或用 --format cades 另存签名。",
        "The PDF is certified against further changes and cannot be signed again[: {name}].",
        "Use a version that is not locked, or a separate signature with --format cades.",
    ),
    "input_unusable.too_large": Sentence(
        "文件过大[：{name}][（上限 {limit} 字节）]。",
        "请用 --format cades 另存签名，或拆分文件。",
        "The file is too large[: {name}][ (limit {limit} bytes)].",
        "Use a separate signature with --format cades, or split the file.",
    ),
    "input_unusable.xfa": Sentence(
        "这是动态表单（XFA）PDF，签署后显示的内容无法保证[：{name}]。",
        "请打印或另存为普通 PDF 再签。",
        "This PDF is a dynamic (XFA) form: what it shows cannot be vouched for[: {name}].",
        "Print or save it as an ordinary PDF and sign that.",
    ),
    "input_unusable.vanished": Sentence(
        "文件在处理时不见了[：{name}]。",
        "请确认文件仍在原处后重新运行。",
        "The file vanished while it was being read[: {name}].",
        "See that it is back in its place and run the command again.",
    ),
    "input_unusable.no_page": Sentence(
        "PDF 没有这一页[：{name}][（共 {pages} 页）]。",
        "请改正 --at 的页码。",
        "The PDF has no such page[: {name}][ (it has {pages})].",
        "Correct the page in --at.",
    ),
    "input_unusable.not_a_certificate": Sentence(
        "文件里没有数字证书[：{name}]。",
        "请给出 PEM 或 DER 格式的证书。",
        "There is no certificate in the file[: {name}].",
        "Give a certificate in PEM or DER form.",
    ),
    "input_unusable.not_an_authority": Sentence(
        "这不是发证机构的证书[：{name}]，不能作为信任的依据。",
        "请向发证机构索取它的根证书（PEM 或 DER 格式）。",
        "This is not the certificate of an issuer[: {name}], so nothing can be trusted by it.",
        "Ask the issuer for its root certificate (PEM or DER).",
    ),
    "not_found.anchor": Sentence(
        "没有这张受信任的证书[：{wanted}]。",
        "请重新打开列表，再选一次。",
        "There is no such trusted certificate[: {wanted}].",
        "Look at the list anew and choose again.",
    ),
    "not_allowed.own_anchor": Sentence(
        "单位内部 CA 的证书不能从这里移除。",
        "它随本机的内部 CA 一起保留，以便已签的文件以后仍可验签。",
        "The certificate of the own CA cannot be taken out.",
        "It stays, so that what was signed can be verified later on.",
    ),
    "input_unusable.none": Sentence(
        "没有一个文件可以使用[（共 {count} 个）]。",
        "请看每个文件的说明；它们都没有被改动。",
        "None of the files can be used[ ({count} in all)].",
        "See what is said of each; none was changed.",
    ),
    "input_unusable.crashed": Sentence(
        "处理这个文件的程序崩溃了[：{name}]；其他文件不受影响。",
        "请从原软件重新导出，或用 --format cades 另存签名。",
        "The worker crashed on this file[: {name}]; others are not affected.",
        "Export it again, or use a separate signature with --format cades.",
    ),
    "input_unusable.too_small": Sentence(
        "签名外观的位置太小，写不下[（{width_mm} × {height_mm} 毫米）]。",
        "请在 --at 中加大宽和高。",
        "The place is too small for the appearance[ ({width_mm} × {height_mm} mm)].",
        "Give more width and height in --at.",
    ),
    "input_unusable.off_page": Sentence(
        "签名外观的位置超出页面[：{place}][（页面 {page_width_mm} × {page_height_mm} 毫米）]。",
        "请改正 --at。",
        "The place lies outside of the page[: {place}][ (the page has {page_width_mm} × {page_height_mm} mm)].",
        "Correct --at.",
    ),
    "input_unusable.not_a_revocation_list": Sentence(
        "文件里没有证书吊销列表[：{name}]。",
        "请给出 PEM 或 DER 格式的 CRL。",
        "There is no revocation list in the file[: {name}].",
        "Give a CRL in PEM or DER form.",
    ),
    "input_unusable.not_drawn": Sentence(
        "页面画不出来[：{name}][（{detail}）]。",
        "文件可能已损坏；验签结论不受影响。",
        "The pages cannot be drawn[: {name}][ ({detail})].",
        "The file may be damaged; the verdict stands by itself.",
    ),
    "input_changed": Sentence(
        "文件在锁定之后被改动，没有签署[：{name}]。",
        "请等写入它的程序结束，确认内容后重新运行。",
        "The file changed after it was read for signing, so it was not signed[: {name}].",
        "Wait until the program that writes it has finished, look at it, and run the command again.",
    ),
    "input_changed.since": Sentence(
        "文件在这一批确认之后被改动过[：{name}]，没有签署。",
        "请确认新的内容；要签它，请作为新文件签署（不用 --resume）。",
        "The file changed after the batch was agreed to[: {name}], so it was not signed.",
        "Look at it; to sign what it holds now, sign it anew, without --resume.",
    ),
    "output_exists.report": Sentence(
        "报告文件已存在，没有覆盖[：{name}]。",
        "请换个文件名，或加 --force 覆盖。",
        "The report exists and was not replaced[: {name}].",
        "Choose another name, or add --force.",
    ),
    "output_unwritable.report": Sentence(
        "报告没有写出[：{name}][（{detail}）]。",
        "请重试；仍不行时换一个文件夹，或运行 yinxin doctor。",
        "The report was not written[: {name}][ ({detail})].",
        "Try again; if that does not help, choose another folder or see `yinxin doctor`.",
    ),
    "output_exists": Sentence(
        "输出文件已存在，没有覆盖[：{name}]。",
        "请用 --out 换个名字，或加 --force 覆盖。",
        "The output exists and was not replaced[: {name}].",
        "Choose another name with --out, or add --force.",
    ),
    "output_exists.same": Sentence(
        "两个输入会得到同名的输出[：{name}]。",
        "请分开签署，或用不同的 --out-dir。",
        "Two inputs would get the same output[: {name}].",
        "Sign them apart, or into different folders with --out-dir.",
    ),
    "output_unwritable": Sentence(
        "无法写入[：{name}][（{detail}）]。",
        "请检查文件夹是否存在、可写、磁盘未满，或用 --out-dir 换个文件夹。",
        "The output cannot be written[: {name}][ ({detail})].",
        "See that the folder exists, is writable and not full, or choose another with --out-dir.",
    ),
    "output_unwritable.is_input": Sentence(
        "输出就是输入文件[：{name}]，没有覆盖。",
        "请用 --out 换个名字。",
        "The output is the input itself[: {name}]; it was not replaced.",
        "Choose another name with --out.",
    ),
    "output_unwritable.is_a_folder": Sentence(
        "输出是一个文件夹[：{name}]。", "请给出文件名，或用 --out-dir。", "The output is a folder[: {name}].", "Name a file, or use --out-dir."
    ),
    "output_unwritable.no_folder": Sentence(
        "输出文件夹不存在[：{name}]。",
        "请先建好文件夹，或换一个。",
        "The output's folder does not exist[: {name}].",
        "Make it first, or choose another.",
    ),
    "output_unwritable.full": Sentence(
        "磁盘已满，没有写出[：{name}]。",
        "请腾出空间后再试；没有留下半成品。",
        "The disk is full: not written[: {name}].",
        "Make room and try again; nothing half done is left.",
    ),
    "output_unwritable.read_only": Sentence(
        "文件夹是只读的，没有写出[：{name}]。",
        "请用 --out-dir 换个可写的文件夹。",
        "The folder is read-only: not written[: {name}].",
        "Choose a writable one with --out-dir.",
    ),
    "output_unwritable.permission": Sentence(
        "没有权限写入[：{name}]。",
        "请用 --out-dir 换个可写的文件夹。",
        "You may not write there[: {name}].",
        "Choose a writable folder with --out-dir.",
    ),
    "nothing_to_do.all_published": Sentence(
        "这一批[（{batch}）]已全部签完，没有要接着签的。",
        "不需要再做什么；已签好的文件在原来的输出位置。",
        "Everything in this batch[ ({batch})] is signed already.",
        "Nothing is left to do; the signed files are where they were put.",
    ),
    "nothing_to_do": Sentence("没有要处理的文件。", "请给出至少一个文件。", "There is nothing to do.", "Name at least one file."),
}
