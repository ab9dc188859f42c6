"""What some parts of a statement say, in words, where the word itself is for programs: duties, attempts, refusals, manners of signing."""

from collections.abc import Mapping
from typing import Any, Final

_ATTEMPTS: Final[Mapping[str, tuple[str, str]]] = {
    "sign": ("签署", "sign"), "verify": ("验签", "verify"), "ledger_verify": ("核验台账", "check the ledger"),
    "ledger_export": ("导出台账", "export the ledger"), "ledger_rebuild": ("重建台账的查询表", "rebuild lists"),
    "org_found": ("创建单位", "found an organisation"), "org_join": ("加入单位", "join an organisation"),
    "org_recover": ("更换创建人的 UKey", "replace a founder's key"), "org_second": ("联署", "sign with others"),
    "org_withdraw": ("撤回待联署事项", "take back an act"), "org_clock": ("更正台账时间", "correct the clock"),
    "person_register": ("登记人员", "register somebody"), "person_verify": ("核验身份", "check an identity"),
    "person_bind": ("登记人员的数字证书", "bind a certificate"), "person_unbind": ("停用人员的数字证书", "withdraw a certificate"),
    "person_leave": ("人员离开", "record a leaving"), "role_grant": ("任命", "grant a role"), "role_revoke": ("免去职务", "revoke a role"),
    "policy_profile": ("变更规则方案", "change the profile"), "policy_publish": ("发布管理制度", "publish a policy"),
    "policy_accept": ("签收管理制度", "accept the policy"), "store_set": ("移动台账", "move the ledger"),
    "device_enrol": ("登记本机", "enrol this computer"), "device_renew": ("更换本机密钥", "renew this computer's key"),
    "device_authorise": ("授权电脑", "authorise a workstation"), "device_withdraw": ("停止授权电脑", "withdraw a workstation"),
    "ca_create": ("建立单位内部 CA", "create a CA"), "cert_request": ("申请数字证书", "request a certificate"),
    "cert_issue": ("签发数字证书", "issue a certificate"), "cert_import": ("导入数字证书", "import a certificate"),
    "token_init": ("初始化 UKey", "initialise a token"), "token_inspect": ("检测 UKey", "inspect a token"),
    "pin_change": ("修改 PIN 码", "change the PIN"), "pin_unblock": ("解锁 UKey", "unblock the PIN"),
    "key_generate": ("生成密钥", "generate a key"), "key_list": ("查看密钥", "list keys"),
}  # fmt: skip
_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "pin_incorrect": ("PIN 码不对", "wrong PIN"), "pin_locked": ("UKey 已锁定", "token locked"),
    "pin_final_try": ("只剩最后一次，没有确认", "last try not confirmed"), "pin_unacceptable": ("新 PIN 码不合要求", "new PIN not good enough"),
    "certificate_mismatch": ("数字证书不符", "certificate does not fit"), "not_registered": ("UKey 没有登记", "token not registered"),
    "not_allowed": ("规则不允许", "a rule refuses"),
}  # fmt: skip
_OTHERS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "purpose": _ATTEMPTS,
    "code": _REFUSALS,
    "authority": {"personal": ("个人签署", "personal")},
    "appearance": {"none": ("不显示", "none"), "text": ("文字", "text"), "seal": ("印章", "seal"), "handwritten": ("手写签名", "handwritten")},
    "language": {"zh": ("中文", "Chinese"), "en": ("英文", "English")},
    "profile": {"personal": ("个人", "personal"), "small": ("小微", "small"), "standard": ("标准", "standard"), "strict": ("严格", "strict")},
    "level": {
        "file": ("只有本人能读的文件", "a file that only its user may read"),
        "keyring": ("系统密码环", "the desktop's keyring"),
        "token": ("UKey", "a token"),
    },
}


def value(key: str, text: object) -> dict[str, str] | None:
    """What `text` says as the part `key` of a statement; None where it speaks for itself."""
    found = _roles().get(text) if key in ("role", "other") else _OTHERS.get(key, {}).get(text) if isinstance(text, str) else None
    return None if found is None else {"zh": found[0], "en": found[1]}


def denied(body: Mapping[str, Any]) -> dict[str, str] | None:
    """One line on an attempt that was refused: what was attempted, why not, how often; None where the entry does not say what."""
    attempt, code = value("purpose", body.get("purpose")), value("code", body.get("code"))
    if attempt is None or code is None:
        return None
    facts = body.get("facts")
    rule = facts.get("rule") if isinstance(facts, Mapping) else None
    by = f" {rule}" if isinstance(rule, str) and rule.isascii() and rule.isalnum() and len(rule) < 8 else ""
    times = body.get("times")
    often = (f"，{times} 次", f", {times} times") if isinstance(times, int) and times > 1 else ("", "")
    return {"zh": f"{attempt['zh']}：{code['zh']}{by}{often[0]}", "en": f"{attempt['en']}: {code['en']}{by}{often[1]}"}


def _roles() -> Mapping[Any, tuple[str, str]]:
    from agent.governance.roles import WORDS  # here: lists of unsigned homes need none of the rules

    return WORDS
