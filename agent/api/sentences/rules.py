"""What is said where the rules of an organisation refuse, or where something in it is not found."""

from agent.api.sentences.form import Sentence

RULES = {
    "not_registered": Sentence(
        "这个 Key 未在本单位登记[（{token}）]，不能在此使用（可能是银行或税务 Key）。没有要求输入 PIN 码。",
        "请换用已登记的 UKey，或请登记专员登记它（yinxin person register，yinxin person bind）。",
        "This token[ “{token}”] is not registered here and cannot be used (it may be a bank's); no PIN was asked for.",
        "Use a registered one, or have the registrar register it (`yinxin person register`, `yinxin person bind`).",
    ),
    "not_registered.of_several": Sentence(
        "UKey[“{token}”]上有几个人的证书[：{people}]，分不清是谁在办理。",
        "请让每个人各用自己的 UKey。",
        "The token[ “{token}”] bears registered certificates of several people[: {people}].",
        "Everybody needs a token of his own.",
    ),
    "not_allowed.no_organisation": Sentence(
        "本机没有加入任何单位。",
        "请先创建单位（yinxin org found），或加入已有的单位（yinxin org join）。",
        "This computer belongs to no organisation.",
        "Found one (`yinxin org found`) or join one (`yinxin org join`).",
    ),
    "not_allowed.organisation_here": Sentence(
        "本机已经加入一个单位[（单位指纹 {present}）]。",
        "要另外试用，请用 --home 指定另一个文件夹。",
        "This computer already belongs to an organisation[ ({present})].",
        "To try another one, name another folder with --home.",
    ),
    "not_allowed.other_founding": Sentence(
        "那个台账不是您要加入的单位[：单位指纹应为 {wanted}][，实为 {present}]。",
        "请向单位当面核对单位指纹和数据库地址；没有加入。",
        "That ledger is not the organisation that you want to join[: its founding hash should be {wanted}][ and is {present}].",
        "Compare the founding hash with the organisation, face to face; nothing was joined.",
    ),
    "not_allowed.founding_invalid": Sentence(
        "那个台账的创建凭证按规则不成立，没有加入。",
        "请联系单位的创建人。",
        "The founding statement of that ledger does not hold; nothing was joined.",
        "Ask the founders.",
    ),
    "not_allowed.role": Sentence(
        "[{actor} ]没有办理这件事的职责[（{rule}）][：须由{role}办理]。",
        "请由有此职责的人办理[：{who}]。",
        "[{actor} ]has no duty that allows this[ ({rule})][: it takes {role_en}].",
        "Somebody who has must do it[: {who}].",
    ),
    "not_allowed.separation": Sentence(
        "按职责分离，[{person} ]已任[{other}，]不能再任[{role}][（{rule}，{profile}）]。",
        "请另选一人，或先免去原职务（yinxin role revoke）。",
        "Duties are separated: {person} is {other_en} and cannot be {role_en} as well[ ({rule}, {profile})].",
        "Choose somebody else, or revoke the other role first (`yinxin role revoke`).",
    ),
    "not_allowed.own_appointment": Sentence(
        "创建人不能任命自己[（{actor}）][（{rule}）]。",
        "请由另一位创建人任命。",
        "No founder[ ({actor})] appoints himself[ ({rule})].",
        "Another founder must do it.",
    ),
    "not_allowed.own_matter": Sentence(
        "这是[ {actor} ]本人的事，不能由本人办理[（{rule}）]。",
        "请由另一个人办理。",
        "This is a matter of[ {actor}] himself and is not done by himself[ ({rule})].",
        "Another person must do it.",
    ),
    "not_allowed.own_recovery": Sentence(
        "创建人[ {actor} ]不能自己更换丢失的 UKey[（{rule}）]。",
        "请由另一位创建人提出，其余的联署。",
        "A founder[ ({actor})] does not replace his own lost key[ ({rule})].",
        "Another founder proposes it, and others sign with him.",
    ),
    "not_allowed.quorum": Sentence(
        "创建人不够：需要 {quorum} 人联署[，只有 {founders} 人][（{rule}）]。",
        "请核对 --founders；要能更换丢失的 UKey，联署人数须少于创建人数。",
        "There are too few founders: it takes {quorum} signatures[, and there are {founders}][ ({rule})].",
        "See --founders; to replace a lost key, the quorum must be less than the number of founders.",
    ),
    "not_allowed.not_founder": Sentence(
        "[{actor} ]不是创建人[（{rule}）]。", "请由创建人办理。", "[{actor} ]is no founder[ ({rule})].", "A founder must do it."
    ),
    "not_allowed.founding": Sentence(
        "单位还在等创建人联署：需要 {quorum} 人，已有 {joined} 人[（{rule}）]。",
        "请其余创建人运行 yinxin org second[：{who}]。",
        "The organisation waits for its founders: {joined} of {quorum} have signed[ ({rule})].",
        "Another founder runs `yinxin org second`[: {who}].",
    ),
    "not_allowed.already_founded": Sentence("已经创建过了。", "用 yinxin org show 查看。", "It is founded already.", "See `yinxin org show`."),
    "not_allowed.not_founded": Sentence("这里还没有创建单位。", "请先创建。", "Nothing is founded here yet.", "Found it first."),
    "not_allowed.personal_home": Sentence(
        "个人台账里没有单位的事务。", "请先创建或加入单位。", "A personal ledger holds no matters of an organisation.", "Found or join one first."
    ),
    "not_allowed.signed_already": Sentence(
        "[{actor} ]已经联署过了[（{rule}）]。", "请由另一个人联署。", "[{actor} ]has signed this already[ ({rule})].", "Another person must sign."
    ),
    "not_allowed.no_duty": Sentence(
        "[{actor} ]没有任何职务，不能联署[（{rule}）]。",
        "请由创建人或任职的人联署。",
        "[{actor} ]holds no role and cannot sign with others[ ({rule})].",
        "A founder or somebody who holds a role must sign.",
    ),
    "not_allowed.no_such_act": Sentence(
        "没有这件待联署的事项[：{wanted}]。[现有：{present}。]",
        "用 yinxin org show 查看。",
        "Nothing like that waits for others[: {wanted}].[ There is: {present}.]",
        "See `yinxin org show`.",
    ),
    "not_allowed.act_over": Sentence("这件事项已经了结[（{state}）]。", "不必再联署。", "This is over[ ({state})].", "It takes no more signatures."),
    "not_allowed.act_expired": Sentence(
        "这件事项等了超过 30 天，已失效[（{at} 提出）]。",
        "请重新提出。",
        "This waited for more than 30 days[ (since {at})] and has expired.",
        "Propose it anew.",
    ),
    "not_allowed.act_other_rules": Sentence(
        "提出之后规则变了[（{rules} → {present}）]，不能再联署。",
        "请按现行规则重新提出。",
        "The rules have changed since it was proposed[ ({rules} → {present})].",
        "Propose it anew under the present ones.",
    ),
    "not_allowed.no_such_person": Sentence(
        "没有登记过这个人[：{person}]。", "用 yinxin person list 查看。", "Nobody like that is registered[: {person}].", "See `yinxin person list`."
    ),
    "not_allowed.person_left": Sentence(
        "{person} 已离开，不能再办理或担任职务[（{rule}）]。",
        "如重新入职，请重新登记。",
        "{person} has left and neither acts nor holds a role[ ({rule})].",
        "Register anew whoever comes back.",
    ),
    "not_allowed.person_known": Sentence(
        "这个编号已经登记过[：{person}]。", "请再试一次。", "This id is registered already[: {person}].", "Try again."
    ),
    "not_allowed.has_role": Sentence(
        "{person} 已任此职[（{role}）]。", "不必再任命。", "{person} has this role[ ({role})] already.", "There is nothing to do."
    ),
    "not_allowed.has_no_role": Sentence(
        "{person} 没有此职[（{role}）]。", "用 yinxin person show 查看。", "{person} does not have this role[ ({role})].", "See `yinxin person show`."
    ),
    "not_allowed.no_certificate": Sentence(
        "{person} 没有登记数字证书，不能任职[（{rule}）]。",
        "请先登记证书（yinxin person bind）。",
        "{person} has no registered certificate and can hold no role[ ({rule})].",
        "Bind one first (`yinxin person bind`).",
    ),
    "not_allowed.identity_unchecked": Sentence(
        "{person} 的身份还没有核验，不能任职[（{rule}）]。",
        "请先核验身份（yinxin person verify）。",
        "The identity of {person} is not checked yet, so that no role can be given[ ({rule})].",
        "Check it first (`yinxin person verify`).",
    ),
    "not_allowed.policy_unaccepted": Sentence(
        "{person} 还没有签收管理制度 {version}，不能任职[（{rule}）]。",
        "请本人先签收（yinxin policy accept）。",
        "{person} has not accepted policy {version}, so that no role can be given[ ({rule})].",
        "He must accept it first (`yinxin policy accept`).",
    ),
    "not_allowed.certificate_unreadable": Sentence("数字证书读不懂。", "请换一张。", "The certificate cannot be read.", "Use another."),
    "not_allowed.certificate_weak": Sentence(
        "这张数字证书的密钥太弱或不受支持[：{certificate}][（{rule}）]。",
        "请换用 P-256、P-384、P-521，或至少 2048 位 RSA 的证书。",
        "The key of this certificate is too weak or not supported[: {certificate}][ ({rule})].",
        "Use one with P-256, P-384, P-521 or RSA of at least 2048 bits.",
    ),
    "not_allowed.certificate_known": Sentence(
        "这张数字证书已经登记过[：{certificate}][（{rule}）]。",
        "请换一张证书。",
        "This certificate is registered already[: {certificate}][ ({rule})].",
        "Use another.",
    ),
    "not_allowed.key_of_another": Sentence(
        "这张证书的密钥已经属于别人[：{certificate}][（{rule}）]。",
        "一把密钥只属于一个人；请在 UKey 上生成新的密钥。",
        "The key of this certificate belongs to somebody else[: {certificate}][ ({rule})].",
        "A key is one person's: generate another on the token.",
    ),
    "not_allowed.device_key_of_person": Sentence(
        "本机密钥不能同时是个人的密钥[（{rule}）]。",
        "请另外生成密钥。",
        "A device's key is not a person's as well[ ({rule})].",
        "Generate another key.",
    ),
    "not_allowed.no_such_certificate": Sentence(
        "没有登记这张有效的证书[：{certificate}]。",
        "用 yinxin person show 查看。",
        "No active certificate like that is registered[: {certificate}].",
        "See `yinxin person show`.",
    ),
    "not_allowed.founders_own": Sentence(
        "创建人[ {actor} ]的证书只由本人更换；丢失时由其他创建人联署更换[（{rule}）]。",
        "请用 yinxin org recover。",
        "The certificates of a founder[ ({actor})] are his own to change; a lost one is replaced by the other founders[ ({rule})].",
        "Use `yinxin org recover`.",
    ),
    "not_allowed.last_certificate": Sentence(
        "这是创建人[ {actor} ]唯一的证书，不能停用[（{rule}）]。",
        "请先登记另一张（yinxin person bind）。",
        "This is the only certificate of a founder[ ({actor})][ ({rule})].",
        "Bind another one first (`yinxin person bind`).",
    ),
    "not_allowed.certificate_of_another": Sentence(
        "凭证上的签名不是经办人[ {actor} ]的[（{rule}）]。",
        "请用本人的 UKey。",
        "The statement was not signed by the person[ {actor}] it names[ ({rule})].",
        "Use your own token.",
    ),
    "not_allowed.certificate_withdrawn": Sentence(
        "这张数字证书已停止使用[：{certificate}][（{rule}）]。",
        "请换用有效的证书。",
        "This certificate was withdrawn[: {certificate}][ ({rule})].",
        "Use one that is active.",
    ),
    "not_allowed.emulated": Sentence(
        "模拟 UKey 只能用于练习单位[（{rule}）]。",
        "请用真的 UKey；要练习，请用模拟 UKey 另外创建一个单位。",
        "Emulated tokens are for practice organisations alone[ ({rule})].",
        "Use a real one; to practise, found an organisation with emulated tokens.",
    ),
    "not_allowed.device_known": Sentence(
        "这台电脑或它的密钥已经登记过[：{device}]。",
        "不必再登记。",
        "This workstation or its key is enrolled already[: {device}].",
        "There is nothing to do.",
    ),
    "not_allowed.device_unknown": Sentence(
        "这台电脑没有在本单位登记[：{device}][（{rule}）]。",
        "请在这台电脑上运行 yinxin org join。",
        "This workstation is not enrolled here[: {device}][ ({rule})].",
        "Run `yinxin org join` on it.",
    ),
    "not_allowed.device_waits": Sentence(
        "这台电脑还没有授权[：{device}][（{rule}）]。",
        "请登记专员插上自己的 UKey 授权：yinxin device authorise。",
        "This workstation is not authorised yet[: {device}][ ({rule})].",
        "The registrar authorises it with his own token: `yinxin device authorise`.",
    ),
    "not_allowed.device_withdrawn": Sentence(
        "这台电脑已停止授权[：{device}][（{rule}）]。",
        "请换一台授权的电脑。",
        "This workstation was withdrawn[: {device}][ ({rule})].",
        "Use one that is authorised.",
    ),
    "not_allowed.device_state": Sentence(
        "这台电脑现在的状态是 {state}，不能这样做[：{device}]。",
        "用 yinxin device list 查看。",
        "The workstation[ {device}] is {state}: that cannot be done.",
        "See `yinxin device list`.",
    ),
    "not_allowed.device_key": Sentence(
        "凭证不是由这台电脑的本机密钥签的[：{device}][（{rule}）]。",
        "请查明是谁写入的。",
        "The statement was not signed by the key of this workstation[: {device}][ ({rule})].",
        "Find out who entered it.",
    ),
    "not_allowed.device_for_person": Sentence(
        "本机密钥不能代替人签署[（{rule}）]。",
        "请用本人的 UKey。",
        "A device's key does not sign for a person[ ({rule})].",
        "Use the person's own token.",
    ),
    "not_allowed.devices_waiting": Sentence(
        "等待授权的电脑太多[（{waiting}）]。",
        "请先处理已有的申请（yinxin device list）。",
        "Too many workstations wait for authorisation[ ({waiting})].",
        "Settle those first (`yinxin device list`).",
    ),
    "not_allowed.no_such_device": Sentence(
        "没有登记过这台电脑[：{device}]。[现有：{present}。]",
        "用 yinxin device list 查看。",
        "No such workstation is enrolled[: {device}].[ There is: {present}.]",
        "See `yinxin device list`.",
    ),
    "not_allowed.own_device": Sentence(
        "严格方案下，电脑须在另一台已授权的电脑上授权[：{device}][（{rule}）]。",
        "请到已授权的电脑上办理。",
        "By the strict profile a workstation is authorised on another one[: {device}][ ({rule})].",
        "Do it on one that is authorised.",
    ),
    "not_allowed.last_device": Sentence(
        "这是最后一台授权的电脑[：{device}]，停止后谁也不能办理[（{rule}）]。",
        "请先授权另一台。",
        "This is the last authorised workstation[: {device}][ ({rule})].",
        "Authorise another one first.",
    ),
    "not_allowed.same_profile": Sentence("规则方案已经是 {profile}。", "不必变更。", "The profile is {profile} already.", "There is nothing to do."),
    "not_allowed.profile_duties": Sentence(
        "方案 {profile} 不允许 {person} 同时任 {role} 和 {other}[（{rule}）]。",
        "请先免去其中一项（yinxin role revoke）。",
        "The profile {profile} does not let {person} be {role_en} and {other_en} at once[ ({rule})].",
        "Revoke one of the two first (`yinxin role revoke`).",
    ),
    "not_allowed.version_known": Sentence(
        "制度版本 {version} 已经发布过。", "请用新的版本号。", "Policy version {version} was published already.", "Give it another version."
    ),
    "not_allowed.no_such_policy": Sentence(
        "没有这个制度版本[：{version}]。[现有：{present}。]",
        "用 yinxin policy list 查看。",
        "There is no such policy version[: {version}].[ There is: {present}.]",
        "See `yinxin policy list`.",
    ),
    "not_allowed.policy_replaced": Sentence(
        "制度版本 {version} 已被 {present} 代替。", "请签收现行版本。", "Policy {version} was replaced by {present}.", "Accept the one in force."
    ),
    "not_allowed.malformed": Sentence(
        "内容的写法不对[：{where}]。",
        "姓名、名称须为一行，不含控制符或不可见字符，两端没有空格；请核对。",
        "Something in it is not right[: {where}].",
        "Names are one line, without control or invisible characters or spaces at their ends.",
    ),
    "not_allowed.unknown_type": Sentence(
        "不认识这种凭证[：{type}]。", "请升级本机的印信。", "This kind of statement is not known here[: {type}].", "Upgrade Yinxin on this computer."
    ),
    "not_allowed.other_organisation": Sentence(
        "这份凭证属于另一个台账。",
        "没有生效；请查明是谁写入的。",
        "This statement belongs to another ledger.",
        "It has no effect; find out who entered it.",
    ),
    "not_allowed.rules_changed": Sentence(
        "签署期间规则变了[（{rules} → {present}）]，没有登记。",
        "请再办理一次。",
        "The rules changed meanwhile[ ({rules} → {present})]; nothing was recorded.",
        "Do it again.",
    ),
    "not_allowed.clock_back": Sentence(
        "这台电脑的时间比台账晚了[（本机 {at}，台账 {ledger}）]，不能办理[（{rule}）]。",
        "请校准时间；如果是台账曾被登记了未来的时间，请创建人运行 yinxin org clock。",
        "The clock of this computer is behind the ledger's[ ({at}; {ledger})][ ({rule})].",
        "Set it right; where the ledger once got a time in the future, a founder runs `yinxin org clock`.",
    ),
    "not_allowed.clock_moved": Sentence("台账的时间刚刚又变了。", "请再办理一次。", "The ledger's clock has moved meanwhile.", "Do it again."),
    "not_allowed.replayed": Sentence(
        "这份凭证不比该证书上一份凭证新[（{at}，上一份 {last}）]，没有登记。",
        "请校准这台电脑的时间后再办理。",
        "This statement is no later than the last one of its certificate[ ({at}; {last})] and was not recorded.",
        "Set this computer's clock right and do it again.",
    ),
    "not_allowed.signature": Sentence(
        "凭证的签名不成立[（{detail}）]。",
        "请查明是谁写入的。",
        "The signature of the statement does not hold[ ({detail})].",
        "Find out who entered it.",
    ),
    "not_allowed.unsigned": Sentence("凭证没有签名。", "请查明是谁写入的。", "The statement is not signed.", "Find out who entered it."),
    "not_found.person": Sentence(
        "没有这个人[：“{wanted}”]。[现有：{present}。]",
        "请核对姓名或编号（yinxin person list）。",
        "There is nobody[ “{wanted}”] registered.[ There is: {present}.]",
        "See `yinxin person list`.",
    ),
    "not_found.person_ambiguous": Sentence(
        "有几个人同名[：“{wanted}”]。[现有：{present}。]",
        "请用编号。",
        "Several people have that name[: “{wanted}”].[ There are: {present}.]",
        "Use the id.",
    ),
    "not_found.device": Sentence(
        "没有这台电脑[：“{wanted}”]。[现有：{present}。]",
        "请核对名称或编号（yinxin device list）。",
        "There is no workstation[ “{wanted}”].[ There is: {present}.]",
        "See `yinxin device list`.",
    ),
    "not_found.device_ambiguous": Sentence(
        "有几台电脑同名[：“{wanted}”][（{present}）]。", "请用编号。", "Several have that name[: “{wanted}”][ ({present})].", "Use the id."
    ),
    "not_found.profile": Sentence(
        "没有这个规则方案[：“{wanted}”]。[可用：{present}。]",
        "请核对名称。",
        "There is no rule profile[ “{wanted}”].[ One of: {present}.]",
        "Check its name.",
    ),
    "not_found.policy": Sentence(
        "没有这个制度版本[：“{wanted}”]。[现有：{present}。]",
        "请核对版本号（yinxin policy list）。",
        "There is no policy version[ “{wanted}”].[ There is: {present}.]",
        "See `yinxin policy list`.",
    ),
    "not_found.act": Sentence(
        "没有这件待联署的事项[：“{wanted}”]。[待联署：{present}。]",
        "用 yinxin org show 查看；有几件时请写编号。",
        "Nothing like that[ “{wanted}”] waits for others.[ There is: {present}.]",
        "See `yinxin org show`; where several wait, name one.",
    ),
    "store_unreachable.store_other_organisation": Sentence(
        "store.json 指的台账不是本机加入的单位[：{path}]，单位指纹应为[ {wanted}]。",
        "请向单位核对数据库地址；在此之前不登记也不签名。",
        "The ledger that store.json names is not the organisation that this computer joined[: {path}]; its founding hash should be[ {wanted}].",
        "Ask the organisation for the right address; nothing is recorded or signed until then.",
    ),
    "usage.founders": Sentence(
        "--founders 说另有 {wanted} 位创建人，--founder 给了 {present} 位。",
        "请用 --founder 姓名=UKey（或证书文件）逐一列出其他创建人。",
        "--founders speaks of {wanted} other founder(s), and --founder names {present}.",
        "Name each of the others by --founder NAME=TOKEN (or a certificate file).",
    ),
    "not_allowed.same_key": Sentence(
        "这张证书用的还是丢失的那把密钥[：{certificate}][（{rule}）]。",
        "请换一个 UKey，生成新的密钥。",
        "This certificate is for the very key that is lost[: {certificate}][ ({rule})].",
        "Take another token with another key.",
    ),
}
