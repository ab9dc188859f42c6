/* A PKCS#11 module that forwards to SoftHSM2 and shows what SoftHSM2 alone never shows: faults, ladders of wrong PINs, odd tokens, events.
 *
 * SHIM_TARGET   the module behind it          SHIM_LOG   gets one line for every call of the functions in HOOKS ("C_Login.context" for a context login;
 *               "LOOKUP" besides for a private key looked up by its ID)
 * SHIM_NAME     the maker it gives itself instead of SoftHSM's: nobody then watches its token folder
 * SHIM_CONTROL  a file read at every call; its lines (N: from the Nth call of that function in this process on):
 *   hang NAME [N] | abort NAME [N] | crash NAME [N]   never return; die by SIGABRT; die by SIGSEGV
 *   leave NAME [N]                            close every descriptor and never return
 *   fail NAME HEX [N]                         return this CKR_
 *   stale NAME HEX                            the same until the module is initialised a second time (a service that went and came)
 *   delay NAME MS                             take so long
 *   garbage NAME                              CKR_OK with absurd counts, lengths, handles and random bytes; elsewhere an unknown CKR_
 *   wrong C_Sign [N]                          turn a bit of the signature over
 *   flags HEX                                 more CK_TOKEN_INFO flags (FINAL_TRY 20000, LOCKED 40000, COUNT_LOW 10000)
 *   absent                                    every slot is empty; what was open is closed
 *   blind                                     a token that came is not shown before the module is initialised anew
 *   generation N                              the token was put in anew: sessions of before are gone, its slot has another number
 *   slot TEXT | label TEXT | serial TEXT      another reader; what the initialised token says of itself
 *   events                                    C_WaitForSlotEvent tells when absent or generation changed
 *   pulled N                                  the token is gone from the Nth C_Sign on, which fails with CKR_DEVICE_REMOVED
 *   lies                                      every key is LOCAL, SENSITIVE and not EXTRACTABLE, whatever it is
 *   wraps HEX                                 a mechanism by which every key comes out wrapped
 *   mute HEX                                  an attribute that no object shows
 *   hide HEX                                  a mechanism that the token does not list (any number of lines)
 *   maxtries N | somaxtries N                 so many wrong PINs lock it; kept in the file SHIM_CONTROL.tries; C_InitPIN and C_InitToken begin anew
 *   always                                    keys are CKA_ALWAYS_AUTHENTICATE and want a context login before each C_Sign
 *   pad [PIN [NEW [SO]]]                      a reader with a pad, and what is typed there; a PIN that is sent is CKR_ARGUMENTS_BAD, "SENT" in the log
 *   readonly                                  write-protected
 *   tobechanged                               CKF_USER_PIN_TO_BE_CHANGED, C_Login gives CKR_PIN_EXPIRED, until C_SetPIN
 *   leak                                      each call keeps a megabyte and a descriptor
 *   speaks JSON                               answer in its host's place: this result for whatever was asked, into every socket, at C_GetSlotList
 *   noise                                     print a megabyte at C_GetSlotList
 * Only the types it needs are declared, so it builds with gcc alone.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long U;
typedef unsigned char B;
struct list { B version[2]; void *f[68]; };
struct token { B label[32], maker[32], model[16], serial[16]; U flags; B rest[200]; };
struct attribute { U type; void *value; U length; };
enum { INITIALIZE = 0, FINALIZE = 1, INFO = 2, SLOTLIST = 4, SLOTINFO = 5, TOKENINFO = 6, MECHANISMS = 7, MECHANISMINFO = 8, INITTOKEN = 9,
       INITPIN = 10, SETPIN = 11, OPENSESSION = 12, CLOSESESSION = 13, CLOSEALL = 14, SESSIONINFO = 15, LOGIN = 18, LOGOUT = 19, CREATE = 20,
       COPY = 21, DESTROY = 22, GETATTRIBUTE = 24, SETATTRIBUTE = 25, FINDINIT = 26, FIND = 27, FINDFINAL = 28, SIGNINIT = 42, SIGN = 43,
       GENERATE = 58, GENERATEPAIR = 59, WRAP = 60, WAIT = 67 };
#define GENERATION_AT 40 /* bits of a slot number below the generation */
#define TELLS_INITIALISED 0x400

static struct list real, ours;
static char control[16384];
static struct { char name[32]; long calls; } counts[64];
static long starts, signatures, generation = -1, latched_absent, event_pending;
static int context_done;
static char user_pin[256];

static void read_control(void)
{
    const char *path = getenv("SHIM_CONTROL");
    FILE *f = path ? fopen(path, "r") : NULL;
    control[f ? fread(control, 1, sizeof control - 1, f) : 0] = 0;
    if (f) fclose(f);
}

/* The argument of the `nth` control line that begins with `word` and, if given, `name`; NULL where there is none. */
static const char *told_nth(const char *word, const char *name, int nth)
{
    static char line[512];
    char key[128];
    size_t n = (size_t)snprintf(key, sizeof key, "%s%s%s", word, name ? " " : "", name ? name : "");
    for (const char *at = control; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t length = strcspn(at, "\n");
        if (length >= sizeof line || strncmp(at, key, n) || (at[n] != ' ' && at[n] != '\n' && at[n])) continue;
        if (nth--) continue;
        memcpy(line, at, length);
        line[length] = 0;
        return line + n + (line[n] == ' ');
    }
    return NULL;
}
static const char *told(const char *word, const char *name) { return told_nth(word, name, 0); }

static void note(const char *name)
{
    const char *path = getenv("SHIM_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (f) { fprintf(f, "%s\n", name); fclose(f); }
}

static long counted(const char *name)
{
    int i = 0;
    while (counts[i].name[0] && strcmp(counts[i].name, name)) i++;
    snprintf(counts[i].name, sizeof counts[i].name, "%s", name);
    return ++counts[i].calls;
}

static int due(const char *word, const char *name, long call)
{
    const char *from = told(word, name);
    return from && (!*from || call >= atol(from));
}

static void fill(void *place, size_t n)
{
    static unsigned state = 0x12345;
    for (size_t i = 0; i < n; i++) ((B *)place)[i] = (B)((state = state * 1103515245 + 12345) >> 16);
}

/* The count of wrong PINs of `who` ("user", "so", "changed"), kept over processes. */
static long tries(const char *who, long set)
{
    char path[4096], word[32];
    long n, kept[3] = { 0, 0, 0 };
    int which = !strcmp(who, "user") ? 0 : !strcmp(who, "so") ? 1 : 2;
    if (!getenv("SHIM_CONTROL")) return 0;
    snprintf(path, sizeof path, "%s.tries", getenv("SHIM_CONTROL"));
    FILE *f = fopen(path, "r");
    for (; f && fscanf(f, "%31s %ld", word, &n) == 2;) kept[!strcmp(word, "user") ? 0 : !strcmp(word, "so") ? 1 : 2] = n;
    if (f) fclose(f);
    if (set >= 0 && set != kept[which] && (kept[which] = set, f = fopen(path, "w"))) {
        fprintf(f, "user %ld\nso %ld\nchanged %ld\n", kept[0], kept[1], kept[2]);
        fclose(f);
    }
    return kept[which];
}

static int gone(void)
{
    const char *from = told("pulled", NULL);
    if (told("absent", NULL)) latched_absent = 1;
    else if (!told("blind", NULL)) latched_absent = 0;
    return latched_absent || (from && signatures >= atol(from));
}

/* What is the same for each function; the CKR_ to return at once, or 0. */
static U fault(const char *name)
{
    static long last_gone = -1;
    const char *value;
    long call = counted(name), now;
    read_control();
    note(name);
    if (told("leak", NULL)) { char *kept = malloc(1 << 20); if (kept) fill(kept, 1 << 20); if (open("/dev/null", O_RDONLY) < 0) call = call; }
    if ((value = told("delay", name))) { struct timespec t = { atol(value) / 1000, atol(value) % 1000 * 1000000 }; nanosleep(&t, NULL); }
    if (due("hang", name, call)) for (;;) pause();
    if (due("abort", name, call)) abort();
    if (due("crash", name, call)) { volatile int *volatile nowhere = NULL; *nowhere = 1; }
    if (due("leave", name, call)) { for (int fd = 3; fd < 1024; fd++) close(fd); for (;;) pause(); }
    now = (value = told("generation", NULL)) ? atol(value) : 0;
    if ((generation >= 0 && now != generation) || (last_gone >= 0 && gone() != last_gone)) { /* pulled or put in: what was open is not */
        U slots[64], n = 64;
        event_pending = 1;
        if (!((U (*)(B, U *, U *))real.f[SLOTLIST])(1, slots, &n)) while (n) ((U (*)(U))real.f[CLOSEALL])(slots[--n]);
    }
    generation = now;
    last_gone = gone();
    if ((value = told("stale", name)) && starts < 2) return strtoul(value, NULL, 16);
    if ((value = told("fail", name))) { char *end; U rv = strtoul(value, &end, 16); if (!*end || call >= atol(end)) return rv; }
    return 0;
}

static U shown(U slot) { return slot | (U)generation << GENERATION_AT; }
static int hidden_slot(U *slot)
{
    if (*slot >> GENERATION_AT != (U)generation) return 1;
    *slot &= ((U)1 << GENERATION_AT) - 1;
    return 0;
}

#define GARBAGE 0xBADC0DE
/* HOOKS without more than faults; SESSION ones fail when the token is gone, SLOT ones have their number translated. */
#define FORWARD(number, name, params, args) \
    static U name params { U rv = fault(#name); return rv ? rv : told("garbage", #name) ? GARBAGE : ((U (*) params)real.f[number]) args; }
#define SESSION(number, name, params, args) \
    static U name params { U rv = fault(#name); return rv ? rv : told("garbage", #name) ? GARBAGE : gone() ? 0x32 : ((U (*) params)real.f[number]) args; }
#define SLOT(number, name, params, args) \
    static U name params { U rv = fault(#name); return rv ? rv : told("garbage", #name) ? GARBAGE : gone() ? 0xE0 : hidden_slot(&slot) ? 3 : ((U (*) params)real.f[number]) args; }
#define WRITES(number, name, params, args) \
    static U name params { U rv = fault(#name); return rv ? rv : told("garbage", #name) ? GARBAGE : gone() ? 0x32 : told("readonly", NULL) ? 0xE2 : ((U (*) params)real.f[number]) args; }

FORWARD(FINALIZE, C_Finalize, (void *a), (a))
SLOT(MECHANISMINFO, C_GetMechanismInfo, (U slot, U type, void *out), (slot, type, out))
FORWARD(CLOSESESSION, C_CloseSession, (U s), (s))
SESSION(SESSIONINFO, C_GetSessionInfo, (U s, void *out), (s, out))
SLOT(CLOSEALL, C_CloseAllSessions, (U slot), (slot))
SESSION(LOGOUT, C_Logout, (U s), (s))
FORWARD(FINDFINAL, C_FindObjectsFinal, (U s), (s))
WRITES(CREATE, C_CreateObject, (U s, void *t, U n, U *out), (s, t, n, out))
SESSION(COPY, C_CopyObject, (U s, U o, void *t, U n, U *out), (s, o, t, n, out))
WRITES(DESTROY, C_DestroyObject, (U s, U o), (s, o))
WRITES(SETATTRIBUTE, C_SetAttributeValue, (U s, U o, void *t, U n), (s, o, t, n))
SESSION(GENERATE, C_GenerateKey, (U s, void *m, void *t, U n, U *out), (s, m, t, n, out))

static U C_WrapKey(U s, U *m, U with, U key, B *out, U *n)
{
    U rv = fault("C_WrapKey");
    if (rv || (rv = gone() ? 0x32 : 0)) return rv;
    if (told("garbage", "C_WrapKey")) return GARBAGE;
    if (told("wraps", NULL) && *m == strtoul(told("wraps", NULL), NULL, 16)) { *n = 138; if (out) fill(out, *n); return 0; }
    return ((U (*)(U, void *, U, U, B *, U *))real.f[WRAP])(s, m, with, key, out, n);
}

static U C_Initialize(void *a)
{
    U rv;
    read_control();
    latched_absent = told("absent", NULL) != NULL;
    starts++;
    if ((rv = fault("C_Initialize"))) return rv;
    return told("garbage", "C_Initialize") ? GARBAGE : ((U (*)(void *))real.f[INITIALIZE])(a);
}

static U C_GetInfo(B *info)
{
    const char *name = getenv("SHIM_NAME");
    U rv = fault("C_GetInfo");
    if (rv || (rv = ((U (*)(B *))real.f[INFO])(info))) return rv;
    if (name) for (size_t i = 0; i < 32; i++) info[2 + i] = i < strlen(name) ? (B)name[i] : ' ';
    if (told("garbage", "C_GetInfo")) fill(info, 88);
    return 0;
}

/* An absurd answer to a question for a list: more than anybody has, and more than was asked for. */
static U absurd(U *out, U *count)
{
    if (out) fill(out, *count * sizeof *out);
    *count = (U)-1 / 16;
    return 0;
}

static void speak(const char *result)
{
    char text[1024];
    for (int fd = 3; fd < 64; fd++) for (int id = 1; id < 40; id++) {
        int n = snprintf(text + 4, sizeof text - 4, "{\"id\":%d,\"result\":%s}", id, result);
        text[0] = text[1] = 0, text[2] = (char)(n >> 8), text[3] = (char)n;
        if (send(fd, text, (size_t)n + 4, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
    }
}

static U C_GetSlotList(B present, U *slots, U *count)
{
    U rv = fault("C_GetSlotList");
    if (rv) return rv;
    if (told("garbage", "C_GetSlotList")) return absurd(slots, count);
    if (told("noise", NULL)) for (int i = 0; i < 16384; i++) printf("%s", "a module that talks and talks and talks and talks and talks and t\n"), fflush(stdout);
    if (told("speaks", NULL)) speak(told("speaks", NULL));
    if (gone()) { *count = 0; return 0; }
    if ((rv = ((U (*)(B, U *, U *))real.f[SLOTLIST])(present, slots, count)) || !slots) return rv;
    for (U i = 0; i < *count; i++) slots[i] = shown(slots[i]);
    return 0;
}

static U C_GetSlotInfo(U slot, B *info)
{
    const char *text;
    U rv = fault("C_GetSlotInfo");
    if (rv) return rv;
    if (hidden_slot(&slot)) return 3; /* CKR_SLOT_ID_INVALID */
    rv = ((U (*)(U, B *))real.f[SLOTINFO])(slot, info);
    if (!rv && (text = told("slot", NULL))) for (size_t i = 0; i < 64; i++) info[i] = i < strlen(text) ? (B)text[i] : ' ';
    if (told("garbage", "C_GetSlotInfo")) fill(info, 108);
    return rv;
}

static U ladder(const char *word, const char *who, U low)
{
    const char *most = told(word, NULL);
    long wrong = most ? tries(who, -1) : 0, left = most ? atol(most) - wrong : 99;
    return !wrong ? 0 : left <= 0 ? low << 2 : left == 1 ? low | low << 1 : low;
}

static int expired(void) { return told("tobechanged", NULL) && !tries("changed", -1); }

static U C_GetTokenInfo(U slot, struct token *info)
{
    const char *text;
    U rv = fault("C_GetTokenInfo");
    if (gone()) return 0xE0; /* CKR_TOKEN_NOT_PRESENT */
    if (rv) return rv;
    if (hidden_slot(&slot)) return 3;
    if ((rv = ((U (*)(U, struct token *))real.f[TOKENINFO])(slot, info))) return rv;
    if ((text = told("flags", NULL))) info->flags |= strtoul(text, NULL, 16);
    if (info->flags & TELLS_INITIALISED) {
        if ((text = told("label", NULL))) for (size_t i = 0; i < 32; i++) info->label[i] = i < strlen(text) ? (B)text[i] : ' ';
        if ((text = told("serial", NULL))) for (size_t i = 0; i < 16; i++) info->serial[i] = i < strlen(text) ? (B)text[i] : ' ';
        if (told("maxtries", NULL)) info->flags = (info->flags & ~(U)0x70000) | ladder("maxtries", "user", 0x10000);
        if (told("somaxtries", NULL)) info->flags = (info->flags & ~(U)0x700000) | ladder("somaxtries", "so", 0x100000);
        info->flags |= (told("pad", NULL) ? 0x100 : 0) | (told("readonly", NULL) ? 2 : 0) | (expired() ? 0x80000 : 0);
    }
    if (told("garbage", "C_GetTokenInfo")) fill(info, 204);
    return 0;
}

static U C_GetMechanismList(U slot, U *list, U *count)
{
    U kept = 0, rv = fault("C_GetMechanismList");
    if (rv) return rv;
    if (told("garbage", "C_GetMechanismList")) return absurd(list, count);
    if (hidden_slot(&slot)) return 3;
    if ((rv = ((U (*)(U, U *, U *))real.f[MECHANISMS])(slot, list, count)) || !list) return rv;
    for (U i = 0; i < *count; i++) {
        const char *hidden = "";
        for (int n = 0; (hidden = told_nth("hide", NULL, n)) && list[i] != strtoul(hidden, NULL, 16);) n++;
        if (!hidden) list[kept++] = list[i];
    }
    *count = kept;
    return 0;
}

static U C_OpenSession(U slot, U flags, void *a, void *n, U *out)
{
    U rv = fault("C_OpenSession");
    if (rv) return rv;
    if (gone()) return 0xE0;
    if (hidden_slot(&slot)) return 3;
    if (told("readonly", NULL) && flags & 2) return 0xE2; /* CKR_TOKEN_WRITE_PROTECTED */
    rv = ((U (*)(U, U, void *, void *, U *))real.f[OPENSESSION])(slot, flags, a, n, out);
    if (!rv && told("garbage", "C_OpenSession")) fill(out, sizeof *out);
    return rv;
}

/* Word `which` of what is typed on the pad: PIN, NEW, SO. */
static char *typed(int which)
{
    static char words[3][128];
    const char *all = told("pad", NULL);
    memset(words, 0, sizeof words);
    if (all) sscanf(all, "%127s %127s %127s", words[0], words[1], words[2]);
    return words[which];
}

/* 0 where PINs may go on to the module (those of the pad then stand in their place). */
static U from_pad(B **pin, U *n, int which)
{
    if (!told("pad", NULL)) return 0;
    if (*pin || *n) { note("SENT"); return 7; } /* CKR_ARGUMENTS_BAD */
    *pin = (B *)typed(which);
    *n = strlen((char *)*pin);
    return 0;
}

static U judged(const char *word, const char *who, U rv)
{
    if (!told(word, NULL)) return rv;
    if (rv == 0xA0) return tries(who, tries(who, -1) + 1), rv;
    if (!rv) tries(who, 0);
    return rv;
}

static U C_Login(U s, U user, B *pin, U n)
{
    const char *word = user ? "maxtries" : "somaxtries", *who = user ? "user" : "so";
    const char *name = user == 2 ? "C_Login.context" : "C_Login";
    U rv = fault(name);
    if (rv || (rv = from_pad(&pin, &n, user ? 0 : 2))) return rv;
    if (told("garbage", name)) return GARBAGE;
    if (gone()) return 0x32;
    if (ladder(word, who, 1) == 4) return 0xA4; /* CKR_PIN_LOCKED */
    if (user == 1 && expired()) return 0xA3; /* CKR_PIN_EXPIRED */
    if (user == 2 && told("always", NULL)) {
        rv = judged(word, who, n == strlen(user_pin) && !memcmp(pin, user_pin, n) ? 0 : 0xA0);
        context_done = !rv;
        return rv;
    }
    rv = judged(word, who, ((U (*)(U, U, B *, U))real.f[LOGIN])(s, user, pin, n));
    if (!rv && user == 1 && n < sizeof user_pin) { memcpy(user_pin, pin, n); user_pin[n] = 0; }
    return rv;
}

static U C_SetPIN(U s, B *old, U on, B *new, U nn)
{
    U rv = fault("C_SetPIN");
    if (rv || (rv = gone() ? 0x32 : 0) || (rv = from_pad(&old, &on, 0)) || (rv = from_pad(&new, &nn, 1))) return rv;
    if (ladder("maxtries", "user", 1) == 4) return 0xA4;
    rv = judged("maxtries", "user", ((U (*)(U, B *, U, B *, U))real.f[SETPIN])(s, old, on, new, nn));
    if (!rv) tries("changed", 1);
    return rv;
}

static U C_InitPIN(U s, B *pin, U n)
{
    U rv = fault("C_InitPIN");
    if (rv || (rv = gone() ? 0x32 : 0) || (rv = from_pad(&pin, &n, 1))) return rv;
    rv = ((U (*)(U, B *, U))real.f[INITPIN])(s, pin, n);
    if (!rv) tries("user", 0);
    return rv;
}

static U C_InitToken(U slot, B *pin, U n, B *label)
{
    U rv = fault("C_InitToken");
    if (rv || (rv = from_pad(&pin, &n, 2))) return rv;
    if (told("readonly", NULL)) return 0xE2;
    if (hidden_slot(&slot)) return 3;
    rv = judged("somaxtries", "so", ((U (*)(U, B *, U, B *))real.f[INITTOKEN])(slot, pin, n, label));
    if (!rv) tries("user", 0);
    return rv;
}

static U C_FindObjectsInit(U s, struct attribute *t, U n)
{
    U rv = fault("C_FindObjectsInit");
    int private = 0, named = 0;
    for (U i = 0; i < n; i++) private |= t[i].type == 0 && *(U *)t[i].value == 3, named |= t[i].type == 0x102; /* CKA_CLASS, CKA_ID */
    if (private && named) note("LOOKUP");
    return rv ? rv : told("garbage", "C_FindObjectsInit") ? GARBAGE : gone() ? 0x32 : ((U (*)(U, void *, U))real.f[FINDINIT])(s, t, n);
}

static U C_FindObjects(U s, U *out, U most, U *count)
{
    U rv = fault("C_FindObjects");
    if (rv || (rv = gone() ? 0x32 : 0)) return rv;
    if (told("garbage", "C_FindObjects")) { *count = most; return absurd(out, count); }
    return ((U (*)(U, U *, U, U *))real.f[FIND])(s, out, most, count);
}

static U C_GetAttributeValue(U s, U o, struct attribute *t, U n)
{
    U rv = fault("C_GetAttributeValue");
    if (rv || (rv = gone() ? 0x32 : 0)) return rv;
    rv = ((U (*)(U, U, struct attribute *, U))real.f[GETATTRIBUTE])(s, o, t, n);
    for (U i = 0; told("always", NULL) && i < n; i++) if (t[i].type == 0x202 && t[i].value && t[i].length == 1) *(B *)t[i].value = 1;
    for (U i = 0; told("lies", NULL) && i < n; i++)
        if (t[i].value && t[i].length == 1 && (t[i].type == 0x103 || (t[i].type >= 0x162 && t[i].type <= 0x165))) *(B *)t[i].value = t[i].type != 0x162;
    for (U i = 0; told("mute", NULL) && i < n; i++) if (t[i].type == strtoul(told("mute", NULL), NULL, 16)) t[i].length = (U)-1, rv = 0x12;
    for (U i = 0; told("garbage", "C_GetAttributeValue") && i < n; i++) {
        if (t[i].value && t[i].length != (U)-1) fill(t[i].value, t[i].length);
        t[i].length = i % 2 ? (U)-1 / 4 : (U)1 << 20;
    }
    return rv;
}

static U C_SignInit(U s, void *m, U key)
{
    U rv = fault("C_SignInit");
    context_done = 0;
    return rv ? rv : told("garbage", "C_SignInit") ? GARBAGE : ((U (*)(U, void *, U))real.f[SIGNINIT])(s, m, key);
}

static U C_Sign(U s, B *data, U n, B *out, U *length)
{
    U rv = fault("C_Sign");
    signatures += out != NULL;
    if (!rv && gone()) rv = 0x32; /* CKR_DEVICE_REMOVED */
    if (!rv && told("always", NULL) && !context_done) rv = 0x101; /* CKR_USER_NOT_LOGGED_IN */
    if (!rv && told("garbage", "C_Sign")) { if (out) fill(out, *length); *length = (U)-1 / 4; return 0; }
    if (!rv) rv = ((U (*)(U, B *, U, B *, U *))real.f[SIGN])(s, data, n, out, length);
    if (out) context_done = 0;
    if (!rv && out && due("wrong", "C_Sign", signatures)) out[*length - 1] ^= 1;
    return rv;
}

static U C_GenerateKeyPair(U s, void *m, void *pt, U pn, void *vt, U vn, U *p, U *v)
{
    U rv = fault("C_GenerateKeyPair");
    if (rv || (rv = gone() ? 0x32 : 0)) return rv;
    if (told("readonly", NULL)) return 0xE2;
    if (told("garbage", "C_GenerateKeyPair")) { fill(p, sizeof *p); fill(v, sizeof *v); return 0; }
    return ((U (*)(U, void *, void *, U, void *, U, U *, U *))real.f[GENERATEPAIR])(s, m, pt, pn, vt, vn, p, v);
}

static U C_WaitForSlotEvent(U flags, U *slot, void *reserved)
{
    U n = 1, rv = fault("C_WaitForSlotEvent");
    if (rv) return rv;
    if (!told("events", NULL)) return ((U (*)(U, U *, void *))real.f[WAIT])(flags, slot, reserved);
    if (!event_pending) return 8; /* CKR_NO_EVENT */
    event_pending = 0;
    *slot = 0;
    if (!((U (*)(B, U *, U *))real.f[SLOTLIST])(1, slot, &n) && n) *slot = shown(*slot);
    return 0;
}

U C_GetFunctionList(struct list **out)
{
    struct list *theirs;
    const char *target = getenv("SHIM_TARGET");
    void *module = target ? dlopen(target, RTLD_NOW) : NULL;
    U (*get)(struct list **) = module ? (U (*)(struct list **))dlsym(module, "C_GetFunctionList") : NULL;
    static const struct { int at; void *f; } hooks[] = {
        { INITIALIZE, C_Initialize }, { FINALIZE, C_Finalize }, { INFO, C_GetInfo }, { SLOTLIST, C_GetSlotList }, { SLOTINFO, C_GetSlotInfo },
        { TOKENINFO, C_GetTokenInfo }, { MECHANISMS, C_GetMechanismList }, { MECHANISMINFO, C_GetMechanismInfo }, { INITTOKEN, C_InitToken },
        { INITPIN, C_InitPIN }, { SETPIN, C_SetPIN }, { OPENSESSION, C_OpenSession }, { CLOSESESSION, C_CloseSession }, { CLOSEALL, C_CloseAllSessions },
        { SESSIONINFO, C_GetSessionInfo },
        { LOGIN, C_Login }, { LOGOUT, C_Logout }, { CREATE, C_CreateObject }, { COPY, C_CopyObject }, { DESTROY, C_DestroyObject },
        { GETATTRIBUTE, C_GetAttributeValue }, { SETATTRIBUTE, C_SetAttributeValue }, { FINDINIT, C_FindObjectsInit }, { FIND, C_FindObjects },
        { FINDFINAL, C_FindObjectsFinal }, { SIGNINIT, C_SignInit }, { SIGN, C_Sign }, { GENERATE, C_GenerateKey }, { GENERATEPAIR, C_GenerateKeyPair },
        { WRAP, C_WrapKey }, { WAIT, C_WaitForSlotEvent },
    };
    if (!get || get(&theirs)) return 5; /* CKR_GENERAL_ERROR */
    real = ours = *theirs;
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) ours.f[hooks[i].at] = hooks[i].f;
    *out = &ours;
    return 0;
}
