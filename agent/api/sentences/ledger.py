"""Sentences about ledgers: looking into them, checking and exporting them."""

from collections.abc import Mapping

from agent.api.sentences.form import Sentence

LEDGER: Mapping[str, Sentence] = {
    "store_unreachable.ledger_other": Sentence(
        "台账不是本机记住的那一本[（记住的有 {known} 条）]：它被删除、换掉或者重新建立过。",
        "不再登记和签名。请找回原来的台账；若确实要重新开始，删除 state 文件夹中的 ledger-seen.json 再启动签章服务。",
        "This is not the ledger that this computer remembers[ (of {known} entries)]: it was deleted, replaced, or founded anew.",
        "Nothing is recorded or signed. Bring the former ledger back; to begin anew on purpose, remove ledger-seen.json from the state folder "
        "and start the agent again.",
    ),
    "not_found.entry": Sentence(
        "台账里没有这一条[：{wanted}]。",
        "用 yinxin ledger list 查看；编号从 0 起，也可以写凭证编号。",
        "The ledger has no such entry[: {wanted}].",
        "See `yinxin ledger list`; entries count from 0, and a statement's id will do.",
    ),
    "not_found.ledger": Sentence(
        "没有这样一本台账[：{wanted}]。",
        "personal 是本机台账，organisation 是单位台账（加入单位后才有）。",
        "There is no such ledger[: {wanted}].",
        "personal is the ledger of this home, organisation that of the organisation, once it was joined.",
    ),
    "not_found.not_founded": Sentence(
        "台账还没有建立。",
        "先登记本机密钥：yinxin device enrol。",
        "The ledger has not been founded yet.",
        "Enrol this computer's key first: `yinxin device enrol`.",
    ),
    "usage.size": Sentence(
        "台账没有这么多条[（现有 {limit} 条）]。",
        "请写不超过它的数；第 N 条的证明需要大于 N 的数。",
        "The ledger does not have so many entries[ (there are {limit})].",
        "Give a number up to that; a proof of entry N needs one larger than N.",
    ),
    "usage.not_a_checkpoint": Sentence(
        "这不是封账点。",
        "封账点由 yinxin ledger checkpoint 保存，原样使用，不要改动。",
        "This is no checkpoint.",
        "Checkpoints are saved by `yinxin ledger checkpoint` and used exactly as they are.",
    ),
    "usage.jsonl_whole": Sentence(
        "jsonl 导出的是整本台账，不能筛选：少了记录就无法核验。",
        "请去掉筛选条件，或者导出 csv、xlsx 或 pdf。",
        "An export in jsonl is the whole ledger: with entries left out it could not be checked.",
        "Leave the filters out, or export csv, xlsx or pdf.",
    ),
}
