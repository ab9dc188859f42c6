/* A PKCS#11 module that forwards to SoftHSM2 and injects faults, which SoftHSM2 alone never shows.
 *
 * SHIM_TARGET   the module behind it          SHIM_LOG   gets one line for every call of the functions below
 * SHIM_NAME     the maker it gives itself instead of SoftHSM's: nobody then watches its token folder
 * SHIM_CONTROL  a file read at every call; its lines:
 *   hang NAME | abort NAME | fail NAME HEX    never return; die by SIGABRT; return this CKR_
 *   leave NAME                                close every descriptor and never return
 *   wrong C_Sign                              turn a bit of the signature over
 *   flags HEX                                 more CK_TOKEN_INFO flags (FINAL_TRY 20000, LOCKED 40000, COUNT_LOW 10000)
 *   absent                                    every slot is empty
 *   pulled N                                  the token is gone from the Nth C_Sign on, which fails with CKR_DEVICE_REMOVED
 *   hide HEX                                  a mechanism that the token does not list
 *   noise                                     print a megabyte at C_GetSlotList
 * Only the types it needs are declared, so it builds with gcc alone.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long U;
typedef unsigned char B;
struct list { B version[2]; void *f[68]; };
struct token { B text[96]; U flags; B rest[200]; };
enum { INITIALIZE = 0, INFO = 2, SLOTLIST = 4, SLOTINFO = 5, TOKENINFO = 6, MECHANISMS = 7, INITTOKEN = 9, OPENSESSION = 12, LOGIN = 18, FINDINIT = 26, SIGNINIT = 42, SIGN = 43, GENERATEPAIR = 59 };

static struct list real, ours;
static int signatures;

/* The argument of the first control line that begins with `word` and, if given, `name`; NULL where there is none. */
static const char *told(const char *word, const char *name)
{
    static char line[256];
    char key[128];
    const char *path = getenv("SHIM_CONTROL");
    FILE *f = path ? fopen(path, "r") : NULL;
    if (!f) return NULL;
    snprintf(key, sizeof key, "%s%s%s", word, name ? " " : "", name ? name : "");
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        size_t n = strlen(key);
        if (!strncmp(line, key, n) && (!line[n] || line[n] == ' ')) { fclose(f); return line + n + (line[n] == ' '); }
    }
    fclose(f);
    return NULL;
}

static U fault(const char *name)
{
    const char *path = getenv("SHIM_LOG"), *value;
    FILE *f = path ? fopen(path, "a") : NULL;
    if (f) { fprintf(f, "%s\n", name); fclose(f); }
    if (told("hang", name)) for (;;) pause();
    if (told("abort", name)) abort();
    if (told("leave", name)) { for (int fd = 3; fd < 1024; fd++) close(fd); for (;;) pause(); }
    return (value = told("fail", name)) ? strtoul(value, NULL, 16) : 0;
}

#define FORWARD(number, name, params, args) \
    static U name params { U rv = fault(#name); return rv ? rv : ((U (*) params)real.f[number]) args; }

FORWARD(INITIALIZE, C_Initialize, (void *a), (a))
FORWARD(INITTOKEN, C_InitToken, (U slot, B *pin, U n, B *label), (slot, pin, n, label))
FORWARD(OPENSESSION, C_OpenSession, (U slot, U flags, void *a, void *n, U *out), (slot, flags, a, n, out))
FORWARD(LOGIN, C_Login, (U s, U user, B *pin, U n), (s, user, pin, n))
FORWARD(FINDINIT, C_FindObjectsInit, (U s, void *t, U n), (s, t, n))
FORWARD(SIGNINIT, C_SignInit, (U s, void *m, U key), (s, m, key))
FORWARD(GENERATEPAIR, C_GenerateKeyPair, (U s, void *m, void *pt, U pn, void *vt, U vn, U *p, U *v), (s, m, pt, pn, vt, vn, p, v))

static int gone(void)
{
    const char *from = told("pulled", NULL);
    return told("absent", NULL) || (from && signatures >= atoi(from));
}

static U C_Sign(U s, B *data, U n, B *out, U *length)
{
    U rv = fault("C_Sign");
    signatures += out != NULL;
    if (!rv && gone()) rv = 0x32; /* CKR_DEVICE_REMOVED */
    if (!rv) rv = ((U (*)(U, B *, U, B *, U *))real.f[SIGN])(s, data, n, out, length);
    if (!rv && out && told("wrong", "C_Sign")) out[*length - 1] ^= 1;
    return rv;
}

static U C_GetSlotList(B present, U *slots, U *count)
{
    U rv = fault("C_GetSlotList");
    if (rv) return rv;
    if (told("noise", NULL)) for (int i = 0; i < 16384; i++) printf("%s", "a module that talks and talks and talks and talks and talks and t\n"), fflush(stdout);
    if (gone()) { *count = 0; return 0; }
    return ((U (*)(B, U *, U *))real.f[SLOTLIST])(present, slots, count);
}

static U C_GetTokenInfo(U slot, struct token *info)
{
    const char *flags;
    U rv = fault("C_GetTokenInfo");
    if (gone()) return 0xE0; /* CKR_TOKEN_NOT_PRESENT */
    if (!rv) rv = ((U (*)(U, struct token *))real.f[TOKENINFO])(slot, info);
    if (!rv && (flags = told("flags", NULL))) info->flags |= strtoul(flags, NULL, 16);
    return rv;
}

static U C_GetInfo(B *info)
{
    const char *name = getenv("SHIM_NAME");
    U rv = ((U (*)(B *))real.f[INFO])(info);
    if (!rv && name) for (size_t i = 0; i < 32; i++) info[2 + i] = i < strlen(name) ? name[i] : ' ';
    return rv;
}

static U C_GetMechanismList(U slot, U *list, U *count)
{
    const char *hidden;
    U kept = 0, rv = ((U (*)(U, U *, U *))real.f[MECHANISMS])(slot, list, count);
    if (rv || !list || !(hidden = told("hide", NULL))) return rv;
    for (U i = 0; i < *count; i++) if (list[i] != strtoul(hidden, NULL, 16)) list[kept++] = list[i];
    *count = kept;
    return 0;
}

U C_GetFunctionList(struct list **out)
{
    struct list *theirs;
    const char *target = getenv("SHIM_TARGET");
    void *module = target ? dlopen(target, RTLD_NOW) : NULL;
    U (*get)(struct list **) = module ? (U (*)(struct list **))dlsym(module, "C_GetFunctionList") : NULL;
    if (!get || get(&theirs)) return 5; /* CKR_GENERAL_ERROR */
    real = ours = *theirs;
    ours.f[INITIALIZE] = C_Initialize; ours.f[INFO] = C_GetInfo; ours.f[SLOTLIST] = C_GetSlotList; ours.f[TOKENINFO] = C_GetTokenInfo;
    ours.f[MECHANISMS] = C_GetMechanismList; ours.f[INITTOKEN] = C_InitToken; ours.f[OPENSESSION] = C_OpenSession;
    ours.f[LOGIN] = C_Login; ours.f[FINDINIT] = C_FindObjectsInit; ours.f[SIGNINIT] = C_SignInit; ours.f[SIGN] = C_Sign;
    ours.f[GENERATEPAIR] = C_GenerateKeyPair;
    *out = &ours;
    return 0;
}
